// What is said on run/stored, one Record a packet.
//
// A question bears id=<number>; its answer is "ok" or "error" (fault=, text=) with the same id. Questions:
//   find name=                     → entry=
//   create name= mailbox_id= partition= special_use=
//                                  → entry=; repeated with the same mailbox_id: the same answer
//   remove name= retry=
//   rename from= to= retry=
//   list prefix= after= limit=     → entry= ... more=1 when there are more behind the last
//   subscribe user= name=
//   unsubscribe user= name=
//   subscriptions user= after=     → name= ... more=
//   adopt entry=                   puts a row as it is (reconstruct -m)
//   partitions                     → away=<nick> why=<text> ... for each that has mailboxes and is not there
//   forget name=                   takes a row away and leaves the files alone (reconstruct -m)
// Without answer:
//   watch mailbox=<id> | user=<uid>      unwatch the same
//   event kind= user= mailbox= ...       from a writer; stored passes it on to who watches, but not back
// Events of the list (created, deleted, renamed) go to every connection.
#pragma once

#include <optional>
#include <string>

#include "common/base/record.h"
#include "store/events.h"
#include "store/store.h"

namespace waxwing::store {

inline constexpr std::size_t kListPage = 200;

// A row as one field: name, id, partition, directory, special-use, uidvalidity, separated by TAB. The
// directory is relative to the partition.
std::string encode_entry(const MailboxEntry& entry);
Result<MailboxEntry> decode_entry(std::string_view text);

Record encode_event(const Event& event);
std::optional<Event> decode_event(const Record& record);

Record encode_error(const Error& error);
Error decode_error(const Record& record);

}  // namespace waxwing::store
