// imsimta journal: prints what is in the commit journal, from its files alone; takes no lock and changes
// nothing.
#include <fmt/format.h>

#include "common/base/journal_reader.h"
#include "common/base/journal_start.h"
#include "common/base/strings.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

namespace {
using durable::JournalRecord;
using durable::RecordType;

std::string describe(const JournalRecord& record) {
  auto text = fmt::format("{:>12} {:<8} {}", record.lsn, name_of(record.type), printable(record.path, 4096));
  if (!record.to.empty()) text += " -> " + printable(record.to, 4096);
  if (record.type == RecordType::content)
    text += fmt::format(" since={} bytes={}", record.since, record.bytes.size());
  if (record.type == RecordType::synced) text += fmt::format("before={}", record.since);
  if (record.type == RecordType::range || record.type == RecordType::aged)
    text += fmt::format(" offset={} bytes={} guard={}+{}", record.offset, record.bytes.size(),
                        record.guard_offset, record.guard.size());
  return text;
}

Result<> print_records(durable::JournalReader& reader, bool content) {
  std::uint64_t count = 0;
  for (;; ++count) {
    const auto holes = reader.holes().size();
    TRY(const auto record, reader.next());
    if (!record) break;
    if (reader.holes().size() > holes)
      fmt::print("{:>12} damaged, {} bytes\n", reader.holes().back().from,
                 reader.holes().back().to - reader.holes().back().from);
    fmt::print("{}\n", describe(*record));
    if (content && !record->bytes.empty()) fmt::print("    {}\n", printable(record->bytes, 65536));
  }
  if (reader.goes_on_behind())
    fmt::print("more stands behind the end, but nothing proves that it was promised\n");
  fmt::print("end at {}, {} records\n", reader.lsn(), count);
  return {};
}

Result<> print_journal(const std::string& directory, bool all, bool content) {
  TRY(const auto roots, durable::load_roots(directory));
  TRY(const auto checkpoint, durable::load_checkpoint(directory));
  if (!checkpoint) return permanent("there is no journal in " + directory);
  fmt::print("checkpoint {} at {}, segments of {} bytes\n", checkpoint->serial, checkpoint->lsn,
             checkpoint->segment_bytes);
  for (const auto& root : roots) fmt::print("root {}\n", printable(root.name, 4096));
  durable::SegmentFiles files(directory, checkpoint->segment_bytes);
  durable::JournalReader reader(files, checkpoint->key);
  for (const auto& [number, slot] : reader.slots())
    fmt::print("segment.{:02} holds number {}\n", slot, number);
  reader.start(checkpoint->lsn, checkpoint->chain);
  TRY(const auto oldest, reader.oldest());
  if (all && oldest)
    reader.start(oldest->number * oldest->segment_bytes + durable::kSegmentHeaderBytes, oldest->chain);
  return print_records(reader, content);
}
}  // namespace

Result<int> run_journal(const Context& context, Arguments arguments) {
  std::string directory;
  if (!arguments.take("directory", &directory) || directory.empty()) directory = context.root + "/journal";
  const bool all = arguments.take("all"), content = arguments.take("content");
  TRY_VOID(arguments.finish("journal [-all] [-content] [-directory=D]"));
  TRY_VOID(print_journal(directory, all, content));
  return 0;
}

}  // namespace waxwing::imsimta
