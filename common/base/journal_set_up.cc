// What the first opening of a system run does: finds where the log begins, replays it, and makes it anew.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/journal.h"
#include "common/base/journal_aside.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_reader.h"
#include "common/base/journal_record.h"
#include "common/base/journal_replay.h"
#include "common/base/journal_roots.h"
#include "common/base/journal_run.h"
#include "common/base/journal_start.h"
#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {

// What set_up found and decided, for the new control block.
struct Start {
  Checkpoint checkpoint;
  unsigned slots = 0;
  std::uint32_t noted_ms = 0;
  std::uint64_t key = 0;
  std::vector<KnownRoot> roots;
};

void fill(ControlBlock& control, const void* data) {
  const auto& start = *static_cast<const Start*>(data);
  control.segment_bytes = start.checkpoint.segment_bytes;
  control.ends[0] = {start.checkpoint.lsn, start.checkpoint.chain};
  control.synced = control.checkpointed = control.told_synced = control.noted = start.checkpoint.lsn;
  control.key = start.key;
  control.checkpoint_serial = start.checkpoint.serial;
  control.slots = start.slots;
  control.slot_segment[0] = start.checkpoint.lsn / start.checkpoint.segment_bytes;
  control.noted_ms = start.noted_ms;
  for (const auto& root : start.roots)
    root.name.copy(control.roots[control.root_count++], kMostRootBytes - 1);
}

void say(const JournalSettings& settings, const char* name, const JournalSettings::Fields& fields,
         bool error) {
  if (settings.report) settings.report(name, fields, error);
}

// Roots named by the file and by who opens, each once.
Result<std::vector<KnownRoot>> known_roots(const JournalSettings& settings,
                                           const std::vector<std::string>& roots) {
  std::vector<KnownRoot> known;
  if (auto stored = load_roots(settings.directory))
    known = std::move(*stored);
  else if (stored.error().fault == Fault::temporary)
    return stored;  // the disk, not what stands there: without them records would be passed over
  else
    say(settings, "journal.damaged", {{"error", stored.error().text}}, true);
  for (const auto& root : roots)
    if (const auto name = relative_to(settings.root, root);
        std::ranges::find(known, name, &KnownRoot::name) == known.end())
      known.push_back({name, {}});
  if (known.size() > kMostRoots) return permanent("the journal cannot cover more than 64 directories");
  for (const auto& [name, mark] : known)
    if (!is_plain_path(name) || name.size() >= kMostRootBytes)
      return permanent("the journal cannot cover the directory '" + name + "'");
  return known;
}

// Where the log begins on disk. Nothing: there is no log yet.
Result<std::optional<Checkpoint>> find_start(const JournalSettings& settings) {
  auto found = load_checkpoint(settings.directory);
  if (found && *found) return found;
  if (!found && found.error().fault == Fault::temporary) return found;
  struct stat status {};
  const auto first = SegmentFiles(settings.directory, settings.segment_bytes).path_of(0);
  if (::stat(first.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::optional<Checkpoint>();
    return std::unexpected(system_error("cannot stat " + first, errno));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < kLeastSegmentBytes || size > kMostSegmentBytes)
    return permanent(first + " is damaged: it has not the size of a segment");
  // Without a checkpoint everything that is left is done again: more than needed, with the same outcome.
  const auto why = found ? checkpoint_path(settings.directory) + " is missing" : found.error().text;
  say(settings, "journal.damaged", {{"error", why}, {"action", "all segments are replayed"}}, true);
  SegmentFiles files(settings.directory, size);
  TRY(const auto oldest, JournalReader(files).oldest());
  if (!oldest) return Checkpoint{0, size, size + kSegmentHeaderBytes, 0};
  return Checkpoint{0, size, oldest->number * size + kSegmentHeaderBytes, oldest->chain};
}

// A directory that is away now is no reason not to begin: as long as the journal holds nothing of it nothing can be
// lost, and admit() lets nothing in.
void mark_if_there(const JournalSettings& settings, KnownRoot& root) {
  const auto path = path_of(settings, root.name);
  if (const auto there = is_there(path); there && !*there) return;
  const auto damaged = has_damaged_mark(path);
  auto marked = mark_root(path, root.mark, MarkEmpty::no);
  if (!marked)
    return say(settings, "journal.root.away", {{"directory", path}, {"error", marked.error().text}}, true);
  root.mark = std::move(*marked);
  if (damaged.value_or(false)) say(settings, "journal.root.mended", {{"directory", path}}, true);
}

// Those that the log speaks of must be there, or its records would be taken for those of something deleted.
Result<> recognise_roots(const JournalSettings& settings, JournalReader& reader,
                         std::vector<KnownRoot> roots) {
  const auto check = [&](std::string_view path) -> Result<> {
    const auto of_it = [&](const KnownRoot& root) {
      return path.size() > root.name.size() && path.starts_with(root.name) && path[root.name.size()] == '/';
    };
    for (const auto& root : roots)
      if (of_it(root)) TRY_VOID(recognise_root(path_of(settings, root.name), root.mark));
    std::erase_if(roots, of_it);
    return {};
  };
  while (!roots.empty()) {
    TRY(const auto record, reader.next());
    if (!record) break;
    TRY_VOID(check(record->path));
    TRY_VOID(check(record->to));
  }
  return {};
}

Result<> sync_roots(const JournalSettings& settings, const std::vector<KnownRoot>& roots) {
  for (const auto& root : roots) {
    const auto path = path_of(settings, root.name);
    TRY(const bool there, is_there(path));
    if (!there) continue;
    TRY(const auto fd, open_file(path, O_RDONLY | O_DIRECTORY));
    TRY_VOID(failpoint("journal.checkpoint"));
    if (::syncfs(fd.get()) != 0) return std::unexpected(system_error("cannot sync " + path, errno));
  }
  return {};
}

// Pieces of the log that had been promised and cannot be read: named, and kept.
void tell_holes(const JournalSettings& settings, JournalReader& reader) {
  for (const auto& hole : reader.holes()) {
    const auto kept = set_aside(settings.directory, reader, hole);
    say(settings, "journal.lost",
        {{"lsn", std::to_string(hole.from)},
         {"bytes", std::to_string(hole.to - hole.from)},
         {"record", reader.tell(hole)},
         {"kept", kept ? *kept : kept.error().text},
         {"action",
          "the disk has damaged what was acknowledged; all before and behind it is replayed: look for errors "
          "of the disk, and run reconstruct -m and reconstruct -r -f, see journal(5)"}},
        true);
  }
}

// Replays what is there and answers the first number that no segment has had.
Result<std::uint64_t> replay_all(const JournalSettings& settings, SegmentFiles& files,
                                 const Checkpoint& checkpoint, const std::vector<KnownRoot>& roots) {
  JournalReader reader(files, checkpoint.key);
  reader.start(checkpoint.lsn, checkpoint.chain);
  TRY_VOID(recognise_roots(settings, reader, roots));
  reader.start(checkpoint.lsn, checkpoint.chain);
  std::vector<std::string> names;
  for (const auto& root : roots) names.push_back(root.name);
  TRY(const auto done, replay(reader, settings.root, names));
  TRY_VOID(sync_roots(settings, roots));
  if (reader.goes_on_behind())
    say(settings, "journal.hole",
        {{"lsn", std::to_string(reader.lsn())},
         {"record", reader.tell({reader.lsn(), reader.lsn(), reader.chain()})},
         {"action",
          "what stands behind it is not replayed: it was never acknowledged if only the power failed, "
          "but look for errors of the disk"}},
        true);
  tell_holes(settings, reader);
  // Before the checkpoint: a second replay may find all of it done.
  if (done.records > 0) {
    TRY_VOID(begin_run(settings.directory));
    say(settings, "journal.replayed",
        {{"records", std::to_string(done.records)},
         {"done", std::to_string(done.done)},
         {"skipped", std::to_string(done.skipped)},
         {"refused", std::to_string(done.refused)}},
        done.refused > 0);
  }
  return std::max(reader.last_segment(), reader.lsn() / files.segment_bytes()) + 1;
}

// All files are there and whole. What was in one that is not has been replayed as far as it could be read.
Result<> make_segments(const JournalSettings& settings, SegmentFiles& files, unsigned count, bool had_log) {
  for (unsigned slot = 0; slot < count; ++slot) {
    TRY(const bool whole, files.is_whole(slot));
    if (whole) continue;
    if (had_log)
      say(settings, "journal.damaged",
          {{"error", files.path_of(slot) + " is gone, cut short, or has lost its header"},
           {"action",
            "what could be read of it is replayed, and it is made anew; look for errors of the disk"}},
          true);
    TRY_VOID(files.create(slot));
  }
  return {};
}

}  // namespace

Result<Control> Journal::set_up(const JournalSettings& settings, int lock_fd,
                                const std::vector<std::string>& roots) {
  TRY_VOID(failpoint("journal.open"));
  Start start;
  TRY(start.roots, known_roots(settings, roots));
  TRY(const auto found, find_start(settings));
  const auto size = found ? found->segment_bytes
                          : std::clamp(settings.segment_bytes & ~std::uint64_t{4095}, kLeastSegmentBytes,
                                       kMostSegmentBytes);
  SegmentFiles files(settings.directory, size);
  std::uint64_t number = 1;
  if (found) {
    TRY(number, replay_all(settings, files, *found, start.roots));
  }
  for (auto& root : start.roots) {
    TRY_VOID(make_root_durable(settings, root.name));
    mark_if_there(settings, root);
  }
  TRY_VOID(store_roots(settings.directory, start.roots));
  start.key = random_u64() | 1;
  // The checkpoint first: what is written to the files from here on takes the place of a log that counts until then.
  start.checkpoint = {found ? found->serial + 1 : 1, size, number * size + kSegmentHeaderBytes, random_u64(),
                      start.key};
  TRY_VOID(store_checkpoint(settings.directory, start.checkpoint));
  TRY(const auto count, files.count());
  start.slots = std::max(count, 2U);
  TRY_VOID(make_segments(settings, files, start.slots, found.has_value()));
  TRY_VOID(files.write_header(0, {size, number, start.checkpoint.chain, 0, start.key}));
  start.noted_ms = static_cast<std::uint32_t>(wall_ms());
  return Control::create(settings.control, lock_fd, fill, &start);
}

}  // namespace waxwing::durable
