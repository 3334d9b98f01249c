// What a Store has inside; for the store's own rooms.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/engine/open_mailboxes.h"
#include "store/list/connection.h"
#include "store/list/hub.h"
#include "store/store.h"

namespace waxwing::store {

struct Store::Inner {
  std::shared_ptr<const Config> config;
  std::int64_t timeout_ms = 20000;
  QuotaLimit default_quota;
  std::shared_ptr<Hub> hub;
  std::unique_ptr<OpenMailboxes> mailboxes;
  std::unique_ptr<Connection> connection;  // last: its thread uses the others

  // Answers of stored, kept until an event says otherwise.
  std::mutex mutex;
  std::unordered_map<std::string, MailboxEntry> known;

  void on_event(const Event& event);
  void on_resync();
  Result<Record> ask(Record question);
  Result<MailboxEntry> ask_for_entry(Record question);
  Result<MailboxEntry> decode(std::string_view text) const;
};

}  // namespace waxwing::store
