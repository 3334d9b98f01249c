#include <sys/resource.h>

#include <algorithm>

#include "common/base/path.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/engine/open_mailboxes.h"

namespace waxwing::store {

namespace {
// Opening a mailbox costs as much as half a delivery. An open one holds three descriptors: at most a quarter
// of those that the process may have go to mailboxes that nobody uses now.
std::size_t most_kept() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return 64;
  return std::clamp<std::size_t>(files.rlim_cur / 12, 64, 4096);
}

// Takes out what is closed, when it can be half of all.
template <class Map>
void sweep(Map& map, std::size_t& at_size) {
  if (map.size() < at_size) return;
  std::erase_if(map, [](const auto& item) { return item.second.expired(); });
  at_size = 2 * map.size() + 1024;
}
}  // namespace

OpenMailboxes::OpenMailboxes(std::map<std::string, std::string> partitions,
                             std::shared_ptr<const Surroundings> around)
    : most_kept_(most_kept()), partitions_(std::move(partitions)), around_(std::move(around)) {}

Result<std::string> OpenMailboxes::partition(const std::string& nick) const {
  const auto at = partitions_.find(nick);
  if (at == partitions_.end())
    return fail_for_now(Code::unavailable,
                        "partition " + nick + " is not configured: set store.partition." + nick + ".path");
  return at->second;
}

Result<std::shared_ptr<Account>> OpenMailboxes::account(const std::string& directory) {
  bool joined = false;
  auto account = open_or_join(directory, joined);
  // Whoever had begun before we came may have missed what was there by then: the account that we have made.
  if (!account && joined) return open_or_join(directory, joined);
  return account;
}

// Opening may wait for the disk, and for another process: nobody waits with it but those who want this very account.
OpenMailboxes::OpenedAccount OpenMailboxes::open_or_join(const std::string& directory, bool& joined) {
  std::packaged_task<OpenedAccount()> open;
  std::shared_future<OpenedAccount> opened;
  {
    const std::lock_guard lock(mutex_);
    const auto at = accounts_.find(directory);
    if (at != accounts_.end())
      if (auto known = at->second.lock(); known && !known->damaged()) return known;
    auto& underway = opening_[directory];
    joined = underway.valid();
    if (!joined) {
      open = std::packaged_task<OpenedAccount()>([&] { return open_and_keep(directory); });
      underway = open.get_future().share();
    }
    opened = underway;
  }
  if (!joined) open();  // what it throws is kept
  return opened.get();
}

OpenMailboxes::OpenedAccount OpenMailboxes::open_and_keep(const std::string& directory) {
  // Before anybody hears of its end: who tries again must not find what has failed.
  struct Leave {
    OpenMailboxes& all;
    const std::string& directory;
    ~Leave() {
      const std::lock_guard lock(all.mutex_);
      all.opening_.erase(directory);
    }
  } const leave{*this, directory};
  auto account = Account::open(directory);
  const std::lock_guard lock(mutex_);
  if (!account) {
    accounts_.erase(directory);
    return account;
  }
  accounts_[directory] = *account;
  sweep(accounts_, sweep_accounts_at_);
  return account;
}

std::shared_ptr<MailboxFiles> OpenMailboxes::find_locked(const std::string& id) {
  const auto at = mailboxes_.find(id);
  if (at == mailboxes_.end()) return nullptr;
  auto mailbox = at->second.lock();
  if (!mailbox) mailboxes_.erase(at);
  return mailbox;
}

std::shared_ptr<MailboxFiles> OpenMailboxes::find(const std::string& id) {
  const std::lock_guard lock(mutex_);
  return find_locked(id);
}

Result<std::shared_ptr<MailboxFiles>> OpenMailboxes::open(const MailboxEntry& entry) {
  {
    const std::lock_guard lock(mutex_);
    if (auto mailbox = find_locked(entry.id); mailbox && mailbox->usable()) return mailbox;
  }
  TRY(const auto partition_path, partition(entry.partition));
  TRY(auto account, this->account(parent_directory(entry.directory)));
  TRY(auto opened, MailboxFiles::open(entry, partition_path, std::move(account), around_));
  std::shared_ptr<MailboxFiles> dropped;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  if (auto quicker = find_locked(entry.id); quicker && quicker->usable()) return quicker;
  mailboxes_[entry.id] = opened;
  sweep(mailboxes_, sweep_mailboxes_at_);
  kept_.push_front(opened);
  if (kept_.size() > most_kept_) {
    dropped = std::move(kept_.back());
    kept_.pop_back();
  }
  return opened;
}

void OpenMailboxes::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  kept_.remove_if([&](const auto& mailbox) { return mailbox->entry().id == id; });
}

}  // namespace waxwing::store
