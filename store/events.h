// Store events: who changed what, told to whoever waits for it (IDLE, NOTIFY, push).
//
// A writer tells stored, stored tells the processes that watch; watchers in the writer's own process are
// told directly. An event is a poke with some words: the truth is the index, so a watcher looks there
// (View::sync). After stored was away, or when events had to be dropped, every watch gets one
// EventKind::resync: look again, you may have missed something.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace waxwing::store {

enum class EventKind {
  appended,  // new messages are there
  flags_changed,
  expunged,
  mailbox_created,
  mailbox_deleted,
  mailbox_renamed,  // mailbox is the new name, from the old one
  subscribed,       // or unsubscribed
  resync,
};

struct Event {
  EventKind kind = EventKind::resync;
  std::string user;
  std::string mailbox;  // MailboxName::text(); empty in a resync
  std::string mailbox_id;
  std::string from;             // mailbox_renamed
  std::uint32_t first_uid = 0;  // appended: the range
  std::uint32_t last_uid = 0;
  std::uint64_t modseq = 0;
};

class Events {
 public:
  using Handler = std::function<void(const Event&)>;
  // Ends the watch when destroyed; when that returns, the handler is not running and will not run again.
  // So do not destroy it inside the handler, nor while holding a lock the handler takes.
  class Watch;

  virtual ~Events() = default;
  // The handler runs on any thread and must not block: usually it is loop.post(...). A watch may be added
  // from a loop thread: never blocks.
  virtual std::unique_ptr<Watch> watch_mailbox(std::string_view mailbox_id, Handler handler) = 0;
  virtual std::unique_ptr<Watch> watch_user(std::string_view user, Handler handler) = 0;
};

class Events::Watch {
 public:
  virtual ~Watch() = default;
};

}  // namespace waxwing::store
