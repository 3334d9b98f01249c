// Mailboxes and accounts that a process has open.
#pragma once

#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "store/mailbox/files.h"

namespace waxwing::store {

// One object each, shared; those opened last stay open. Thread-safe.
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
  using OpenedAccount = Result<std::shared_ptr<Account>>;
  // joined: somebody was at it, and this is what he got.
  OpenedAccount open_or_join(const std::string& directory, bool& joined);
  OpenedAccount open_and_keep(const std::string& directory);
  std::shared_ptr<MailboxFiles> find_locked(const std::string& id);

  const std::size_t most_kept_;
  std::map<std::string, std::string> partitions_;
  std::shared_ptr<const Surroundings> around_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<MailboxFiles>> mailboxes_;
  std::unordered_map<std::string, std::weak_ptr<Account>> accounts_;
  std::unordered_map<std::string, std::shared_future<OpenedAccount>> opening_;  // by directory, one at a time
  std::size_t sweep_mailboxes_at_ = 1024, sweep_accounts_at_ = 1024;
  std::list<std::shared_ptr<MailboxFiles>> kept_;  // newest first
};

}  // namespace waxwing::store
