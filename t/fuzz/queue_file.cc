// A queue file as somebody or something may have damaged it, and the texts that go to the job controller.
//
// First byte 0: the file's bytes as they are. Else the input is message, records and slots, and the footer is
// made to fit, so that what no checksum finds is looked at too.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "common/base/record.h"
#include "common/spool/detail/footer.h"
#include "common/spool/message_file.h"
#include "mta/queue/envelope.h"
#include "mta/queue/schedule_entry.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta::queue;

namespace {

std::string with_footer(fuzz::Input in) {
  const auto message = in.take(in.byte());
  const auto records = in.take(in.word() % 1024U);
  spool::Footer footer{.message_size = message.size(),
                       .message_hash = XXH3_64bits(message.data(), message.size()),
                       .records_hash = XXH3_64bits(records.data(), records.size()),
                       .records_size = static_cast<std::uint32_t>(records.size()),
                       .slot_count = in.byte(),
                       .slot_bytes = in.byte(),
                       .kind = static_cast<std::uint16_t>(1 + in.byte() % 2)};
  std::string slots(in.rest());
  slots.resize(std::size_t{footer.slot_count} * footer.slot_bytes);
  return std::string(message) + std::string(records) + slots + spool::encode_footer(footer);
}

void open(const std::string& bytes) {
  UniqueFd fd(::memfd_create("queue file", MFD_CLOEXEC));
  MUST(fd.get() >= 0 && write_all(fd.get(), bytes));
  auto file = spool::MessageFile::from_fd(std::move(fd), "tcp_local/042/ZZx.00");
  if (!file) {
    MUST(file.error().fault == Fault::permanent && !file.error().text.empty());
    return;
  }
  (void)file->verify_message();
  MUST(file->read_message(0, 1000)->size() <= file->message_size());
  spool::dump(*file);
  if (const auto slots = file->read_slots(0, file->slot_count()); slots && file->slot_bytes() > 0)
    for (std::size_t n = 0; n < file->slot_count(); ++n)
      decode_progress(std::string_view(*slots).substr(n * file->slot_bytes(), file->slot_bytes()));
  const auto envelope = from_records(file->records());
  if (!envelope) return;
  const auto again = from_records(*spool::Records::decode(to_records(*envelope).encode()));
  MUST(again && again->sender == envelope->sender && again->recipients.size() == envelope->recipients.size());
}

void words(std::string_view text) {
  if (const auto name = FileName::parse(text)) {
    const auto again = FileName::parse(name->relative());
    MUST(again && again->relative() == name->relative() && again->key() == name->key());
  }
  if (const auto entry = decode_schedule_entry(text)) MUST(decode_schedule_entry(encode(*entry)).has_value());
  if (const auto record = Record::decode(text)) {
    const auto again = Record::decode(record->encode());
    MUST(again && again->fields() == record->fields() && again->verb() == record->verb());
  }
  if (const auto records = spool::Records::decode(text)) {
    const auto again = spool::Records::decode(records->encode());
    MUST(again && again->items() == records->items());
  }
  const auto progress = decode_progress(text);
  for (const std::size_t slot : {64U, 256U}) {
    const auto again = decode_progress(encode_progress(progress, slot));
    MUST(again.status == progress.status && progress.last_text.starts_with(again.last_text));
  }
}

}  // namespace

FUZZ_TARGET(queue_file) {
  fuzz::Input in(input);
  const bool as_it_is = in.byte() == 0;
  open(as_it_is ? std::string(in.rest()) : with_footer(in));
  words(in.rest());
}
