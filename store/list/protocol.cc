#include "store/list/protocol.h"

#include <array>

#include "common/base/strings.h"

namespace waxwing::store {

std::string encode_entry(const MailboxEntry& entry) {
  return join({entry.name.text(), entry.id, entry.partition, entry.directory, entry.special_use,
               std::to_string(entry.uidvalidity)},
              "\t");
}

Result<MailboxEntry> decode_entry(std::string_view text) {
  const auto fields = split(text, '\t');
  if (fields.size() != 6) return permanent("not a mailbox list entry: " + printable(text));
  MailboxEntry entry;
  TRY(entry.name, MailboxName::parse(fields[0]));
  entry.id = fields[1];
  entry.partition = fields[2];
  entry.directory = fields[3];
  entry.special_use = fields[4];
  const auto uidvalidity = to_number<std::uint32_t>(fields[5]);
  if (!uidvalidity) return permanent("mailbox list entry without UIDVALIDITY: " + printable(text));
  entry.uidvalidity = *uidvalidity;
  return entry;
}

namespace {
constexpr std::array<std::string_view, 8> kKinds{"appended", "flags",   "expunged",   "created",
                                                 "deleted",  "renamed", "subscribed", "resync"};
}

Record encode_event(const Event& event) {
  Record record("event");
  record.set("kind", kKinds[static_cast<std::size_t>(event.kind)]).set("user", event.user);
  record.set("mailbox", event.mailbox).set("id", event.mailbox_id);
  if (!event.from.empty()) record.set("from", event.from);
  if (event.first_uid != 0) record.set("first", event.first_uid).set("last", event.last_uid);
  if (event.modseq != 0) record.set("modseq", static_cast<std::int64_t>(event.modseq));
  return record;
}

std::optional<Event> decode_event(const Record& record) {
  for (std::size_t n = 0; n < kKinds.size(); ++n) {
    if (record.get("kind") != kKinds[n]) continue;
    Event event;
    event.kind = static_cast<EventKind>(n);
    event.user = record.get("user");
    event.mailbox = record.get("mailbox");
    event.mailbox_id = record.get("id");
    event.from = record.get("from");
    event.first_uid = static_cast<std::uint32_t>(record.number("first"));
    event.last_uid = static_cast<std::uint32_t>(record.number("last"));
    event.modseq = static_cast<std::uint64_t>(record.number("modseq"));
    return event;
  }
  return {};
}

Record encode_error(const Error& error) {
  Record record("error");
  const char* fault = error.fault == Fault::temporary   ? "temporary"
                      : error.fault == Fault::permanent ? "permanent"
                                                        : "bug";
  return record.set("fault", fault).set("text", error.text);
}

Error decode_error(const Record& record) {
  const auto fault = record.get("fault");
  return {fault == "temporary"   ? Fault::temporary
          : fault == "permanent" ? Fault::permanent
                                 : Fault::bug,
          std::string(record.get("text"))};
}

}  // namespace waxwing::store
