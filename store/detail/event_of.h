// An event that tells of a mailbox as a whole, or of messages that its caller adds.
#pragma once

#include "store/store.h"

namespace waxwing::store {

inline Event event_of(EventKind kind, const MailboxEntry& entry) {
  Event event;
  event.kind = kind;
  event.user = entry.name.user;
  event.mailbox = entry.name.text();
  event.mailbox_id = entry.id;
  return event;
}

}  // namespace waxwing::store
