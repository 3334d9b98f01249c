// What stored answers about the mailbox list: one function per question, run on worker threads.
//
// Order of a create: files first, durable, then the row: a row always has files. Of a remove: the row goes
// and its files are noted as trash in one transaction, then the files: what a kill leaves is swept at the
// next start.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/record.h"
#include "common/config/config.h"
#include "store/engine/open_mailboxes.h"
#include "store/stored/list_db.h"
#include "store/stored/list_rebuild.h"

namespace waxwing::store {

class ListService {
 public:
  // tell: an event for all who should hear of it; any thread.
  ListService(std::shared_ptr<const Config> config, std::unique_ptr<ListDb> db,
              std::function<void(const Event&)> tell);

  // Always an answer: "ok" or "error". Blocks.
  Record answer(const Record& question);
  // Removes files that deleted mailboxes left behind. Blocks.
  void sweep();
  // Purges mailboxes whose expunged messages are old enough. Blocks.
  void purge_due();
  void note_expunge(const std::string& mailbox);
  Result<> checkpoint() { return db_->checkpoint(); }
  // Makes the directories of partitions that have had no mailbox yet, and tells of those that are away.
  Result<> prepare_partitions();
  // The whole list from the partitions, when the database was lost. Blocks.
  Result<ListRebuildReport> rebuild(const SalvagedList& salvaged);

 private:
  using Answer = Result<Record>;
  Answer find(const Record& question);
  Answer create(const Record& question);
  Answer remove(const Record& question);
  Answer rename(const Record& question);
  Answer list(const Record& question);
  Answer subscribe(const Record& question);
  Answer unsubscribe(const Record& question);
  Answer subscriptions(const Record& question);
  Answer adopt(const Record& question);
  Answer forget(const Record& question);
  Answer partitions(const Record& question);

  Result<bool> has_mailboxes(const std::string& nick);
  Result<MailboxEntry> need(const std::string& name);
  Result<> check_folder_count(const MailboxName& name);
  Result<> check_subscription_count(const std::string& user, const MailboxName& name);
  Result<MailboxEntry> make_mailbox(const MailboxName& name, const std::string& id,
                                    const std::string& partition, const std::string& special_use);
  Result<std::string> directory_of(const MailboxEntry& entry) const;
  Result<std::vector<MailboxEntry>> all_below(const std::string& prefix);
  void tell(EventKind kind, const MailboxEntry& entry, const std::string& from = {});
  void sweep_one(const std::string& item);
  std::mutex& lock_of(const std::string& user) {
    return locks_[std::hash<std::string>{}(user) % locks_.size()];
  }

  std::shared_ptr<const Config> config_;
  std::map<std::string, std::string> partitions_;
  std::unique_ptr<ListDb> db_;
  std::function<void(const Event&)> tell_;
  OpenMailboxes mailboxes_;
  std::array<std::mutex, 64> locks_;  // changes of one user's mailboxes come one after another
};

}  // namespace waxwing::store
