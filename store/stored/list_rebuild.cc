#include "store/stored/list_rebuild.h"

#include <algorithm>
#include <unordered_map>

#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/log/log.h"
#include "store/mailbox/rebuild.h"
#include "store/maintenance/tree.h"

namespace waxwing::store {

namespace {
constexpr std::size_t kRowsAtOnce = 1000;  // of one transaction

class ListRebuild {
 public:
  ListRebuild(ListDb& db, OpenMailboxes& mailboxes, const SalvagedList& salvaged)
      : db_(db), mailboxes_(mailboxes), salvaged_(salvaged) {}

  Result<> take_partition(const std::string& nick, const std::string& path) {
    const auto walked = walk_partition(nick, path, [&](FoundMailbox found) { return take(path, found); });
    if (!walked) {
      auto error = walked.error();
      error.text = "the mailbox list cannot be made anew without all mailboxes: " + error.text +
                   "; mend the disk, or move what cannot be read out of the partition; see stored(8)";
      return std::unexpected(error);
    }
    return write();
  }

  Result<ListRebuildReport> finish() {
    for (const auto& [user, name] : salvaged_.subscriptions) TRY_VOID(db_.subscribe(user, name));
    report_.subscriptions = salvaged_.subscriptions.size();
    return report_;
  }

 private:
  Result<> take(const std::string& partition_path, FoundMailbox& found) {
    const auto item = found.entry.partition + "\t" + found.entry.directory;
    if (salvaged_.trash.contains(item)) {
      change_.trash.push_back(item);
      return {};
    }
    if (!found.problem.empty()) return leave_out(found);
    if (!has_free_name(found.entry)) {
      auto other = MailboxName::make(found.entry.name.user, found.entry.name.folder + "-" + found.entry.id);
      if (!other) return leave_out(found);
      log::Event("stored.list.name-taken")
          .with("mailbox", found.entry.name.text())
          .with("directory", found.entry.directory)
          .with("now", other->text())
          .warning();
      found.entry.name = std::move(*other);
      report_.renamed += 1;
    }
    if (found.damaged) TRY_VOID(rebuild(partition_path, found.entry));
    if (const auto use = salvaged_.special_uses.find(found.entry.id); use != salvaged_.special_uses.end())
      found.entry.special_use = use->second;
    change_.put.push_back(std::move(found.entry));
    report_.mailboxes += 1;
    return change_.put.size() < kRowsAtOnce ? Result<>() : write();
  }

  Result<> leave_out(const FoundMailbox& found) {
    log::Event("stored.list.left-out")
        .with("directory", found.entry.directory)
        .with("reason", found.problem.empty() ? "its name is taken" : found.problem)
        .error();
    report_.left_out += 1;
    return {};
  }

  // All mailboxes of a user lie side by side, so the names of one user are all that need be kept in mind.
  bool has_free_name(const MailboxEntry& entry) {
    if (user_ != entry.name.user) names_.clear();
    user_ = entry.name.user;
    return names_.insert(entry.name.folder).second;
  }

  Result<> rebuild(const std::string& partition_path, MailboxEntry& entry) {
    auto full = entry;
    full.directory = partition_path + "/" + entry.directory;
    TRY_VOID(Account::create(parent_directory(full.directory), full.name.user));
    TRY(const auto account, mailboxes_.account(parent_directory(full.directory)));
    TRY(const auto report, rebuild_mailbox(full, *account, {}));
    entry.uidvalidity = report.uidvalidity;
    return {};
  }

  Result<> write() {
    const auto change = std::exchange(change_, {});
    return db_.apply(change);
  }

  ListDb& db_;
  OpenMailboxes& mailboxes_;
  const SalvagedList& salvaged_;
  ListDb::Change change_;
  std::string user_;
  std::set<std::string> names_;
  ListRebuildReport report_;
};

// Directories below, at most one account's.
Result<bool> holds_mailbox(const std::string& directory, unsigned levels) {
  TRY(const auto names, list_if_there(directory));
  for (const auto& name : names) {
    const auto below = directory + "/" + name;
    TRY(const bool found, levels == 0 ? is_there(below + "/store.name") : holds_mailbox(below, levels - 1));
    if (found) return true;
  }
  return false;
}
}  // namespace

Result<bool> have_mailboxes(const std::map<std::string, std::string>& partitions) {
  constexpr unsigned kLevelsToMailbox = 3;  // =user/hh/hh/=uid/<mailbox>
  for (const auto& [nick, path] : partitions) {
    TRY(const bool found, holds_mailbox(path + "/=user", kLevelsToMailbox));
    if (found) return true;
  }
  return false;
}

Result<ListRebuildReport> rebuild_list(ListDb& db, OpenMailboxes& mailboxes,
                                       const std::map<std::string, std::string>& partitions,
                                       const SalvagedList& salvaged) {
  ListRebuild rebuild(db, mailboxes, salvaged);
  for (const auto& [nick, path] : partitions) TRY_VOID(rebuild.take_partition(nick, path));
  return rebuild.finish();
}

}  // namespace waxwing::store
