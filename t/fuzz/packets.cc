// What daemons say to each other, one record a packet, when one of them has gone wrong: the hand-over of connections
// between dispatcher and workers, the mailbox list's rows and events, the job controller's lines. What is understood is
// said again and understood the same.
#include <unistd.h>

#include "common/base/record.h"
#include "common/worker/worker.h"
#include "mta/queue/schedule_entry.h"
#include "store/list/protocol.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

void handed_over(const Record& record) {
  Packet without{record, UniqueFd()};
  MUST(!AcceptedConnection::from_packet(std::move(without)));
  Packet packet{record, UniqueFd(::dup(STDERR_FILENO))};
  const auto connection = AcceptedConnection::from_packet(std::move(packet));
  MUST(connection.has_value());
  const auto said = connection->to_record();
  MUST(said.get("peer") == record.get("peer") && said.get("verdict") == record.get("verdict"));
  MUST(said.get("local") == record.get("local"));
  (void)connection->transport_info();
}

void rows(std::string_view text) {
  const auto entry = store::decode_entry(text);
  if (!entry) {
    MUST(!entry.error().text.empty());
    return;
  }
  const auto again = store::decode_entry(store::encode_entry(*entry));
  MUST(again && again->name == entry->name && again->id == entry->id);
  MUST(again->directory == entry->directory && again->uidvalidity == entry->uidvalidity);
}

void events(const Record& record) {
  const auto event = store::decode_event(record);
  if (!event) return;
  const auto again = store::decode_event(store::encode_event(*event));
  MUST(again && again->kind == event->kind && again->user == event->user && again->modseq == event->modseq);
  MUST(again->mailbox == event->mailbox && again->from == event->from);
}

void schedule_lines(std::string_view text) {
  const auto entry = mta::queue::decode_schedule_entry(text);
  if (!entry) {
    MUST(!entry.error().text.empty());
    return;
  }
  const auto again = mta::queue::decode_schedule_entry(mta::queue::encode(*entry));
  MUST(again && again->name.relative() == entry->name.relative() &&
       again->hosts.size() == entry->hosts.size());
  MUST(again->size_bytes == entry->size_bytes && again->arrival_ms == entry->arrival_ms);
}

}  // namespace

FUZZ_TARGET(packets) {
  const auto record = Record::decode(input);
  rows(input);
  schedule_lines(input);
  if (!record) {
    MUST(!record.error().text.empty());
    return;
  }
  const auto again = Record::decode(record->encode());
  MUST(again && again->verb() == record->verb() && again->fields() == record->fields());
  handed_over(*record);
  events(*record);
  for (const auto& [name, value] : record->fields()) {
    (void)record->number(name);
    rows(value);
    schedule_lines(value);
  }
  const auto error = store::decode_error(*record);
  MUST(store::decode_error(store::encode_error(error)).text == error.text);
}
