// What a Store has inside; for the store's own rooms.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/list/connection.h"
#include "store/list/hub.h"
#include "store/mailbox/files.h"
#include "store/store.h"

namespace waxwing::store {

// Mailboxes and accounts that this process has open: one object each, shared; those opened last stay open.
class OpenMailboxes {
 public:
  explicit OpenMailboxes(std::map<std::string, std::string> partitions,
                         std::shared_ptr<const Surroundings> around);
  Result<std::shared_ptr<MailboxFiles>> open(const MailboxEntry& entry);
  Result<std::shared_ptr<Account>> account(const std::string& directory);
  std::shared_ptr<MailboxFiles> find(const std::string& id);  // when it is open now
  void forget(const std::string& id);                         // not kept open for its own sake any more
  // The partition's path; permanent error for a nick that is not configured.
  Result<std::string> partition(const std::string& nick) const;

 private:
  std::shared_ptr<MailboxFiles> find_locked(const std::string& id);

  const std::size_t most_kept_;
  std::map<std::string, std::string> partitions_;
  std::shared_ptr<const Surroundings> around_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<MailboxFiles>> mailboxes_;
  std::unordered_map<std::string, std::weak_ptr<Account>> accounts_;
  std::size_t sweep_mailboxes_at_ = 1024, sweep_accounts_at_ = 1024;
  std::list<std::shared_ptr<MailboxFiles>> kept_;  // newest first
};

struct Store::Inner {
  std::shared_ptr<const Config> config;
  std::int64_t timeout_ms = 20000;
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
