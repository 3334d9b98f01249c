#include "store/maintenance/list_check.h"

#include <map>
#include <set>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "store/detail/errors.h"
#include "store/detail/partitions.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/list/protocol.h"
#include "store/mailbox/rebuild.h"
#include "store/maintenance/tree.h"

namespace waxwing::store {

namespace {
class ListCheck {
 public:
  ListCheck(Store& store, const ListCheckOptions& options,
            const std::function<void(const std::string&)>& note)
      : store_(store), options_(options), note_(note) {}

  Result<ListCheckReport> run() {
    for (const auto& [nick, path] : partitions_of(*store_.inner().config)) {
      if (!options_.partition.empty() && options_.partition != nick) continue;
      TRY_VOID(check_present(path));
      TRY_VOID(walk_partition(nick, path, [&, &root = path](FoundMailbox found) {
        return wanted(found.entry) ? compare(root, found) : Result<>();
      }));
    }
    TRY_VOID(find_rows_without_files());
    TRY_VOID(sum_up_accounts());
    return report_;
  }

 private:
  bool wanted(const MailboxEntry& entry) const {
    return (options_.user.empty() || entry.name.user == options_.user) &&
           (options_.partition.empty() || entry.partition == options_.partition);
  }

  Result<> compare(const std::string& root, FoundMailbox& found) {
    if (!found.problem.empty()) {
      note_("problem: " + found.problem);
      report_.problems += 1;
      return {};
    }
    const auto text = found.entry.name.text();
    const auto row = store_.find(found.entry.name);
    if (!row && code_of(row.error()) != Code::nonexistent) return std::unexpected(row.error());
    if (row && row->id == found.entry.id) {
      report_.right += 1;
      return {};
    }
    TRY(const auto listed, listed_as(found.entry));
    if (!listed.empty()) {
      // Renamed, and killed before the files heard of it: the list counts.
      report_.right += 1;
      if (!options_.check_only)
        TRY_VOID(replace_file(root + "/" + found.entry.directory + "/store.name", listed + "\n"));
      return {};
    }
    TRY(const bool has_files, row ? is_there(row->directory + "/store.name") : Result<bool>(false));
    if (has_files) {
      note_("problem: " + text + " is " + row->id + " in the list; " + found.entry.directory +
            " says it too");
      report_.problems += 1;
      return {};
    }
    note_((options_.check_only ? "not in the list: " : "adopted: ") + text);
    report_.adopted += 1;
    if (options_.check_only) return {};
    return adopt(root, found);
  }

  // The name under which the list has a mailbox of that id; empty when it has none.
  Result<std::string> listed_as(const MailboxEntry& entry) {
    if (user_ != entry.name.user) {
      TRY(const auto rows, store_.list(entry.name.user));
      ids_.clear();
      for (const auto& row : rows) ids_[row.id] = row.name.text();
      user_ = entry.name.user;
    }
    const auto at = ids_.find(entry.id);
    return at == ids_.end() ? std::string() : at->second;
  }

  Result<> adopt(const std::string& root, FoundMailbox& found) {
    if (found.damaged) {
      auto full = found.entry;
      full.directory = root + "/" + found.entry.directory;
      TRY_VOID(Account::create(parent_directory(full.directory), full.name.user));
      TRY(const auto account, store_.inner().mailboxes->account(parent_directory(full.directory)));
      TRY(const auto report, rebuild_mailbox(full, *account, {}));
      found.entry.uidvalidity = report.uidvalidity;
    }
    TRY_VOID(store_.inner().ask(std::move(Record("adopt").set("entry", encode_entry(found.entry)))));
    accounts_.insert(parent_directory(root + "/" + found.entry.directory));
    return {};
  }

  // A mailbox that comes from elsewhere brings its share of the quota.
  Result<> sum_up_accounts() {
    for (const auto& directory : accounts_) {
      TRY(const auto account, store_.inner().mailboxes->account(directory));
      TRY_VOID(account->sum_up());
    }
    return {};
  }

  Result<> find_rows_without_files() {
    std::vector<std::string> gone;
    Result<> unknown;
    TRY_VOID(store_.for_each("user/" + (options_.user.empty() ? "" : options_.user + "/"),
                             [&](const MailboxEntry& entry) {
                               if (!wanted(entry)) return true;
                               const auto there = is_there(entry.directory);
                               if (!there) unknown = std::unexpected(there.error());
                               if (there && !*there) gone.push_back(entry.name.text());
                               return unknown.has_value();
                             }));
    if (!unknown) return unknown;
    for (const auto& name : gone) {
      note_((options_.check_only ? "without files: " : "forgotten: ") + name);
      report_.forgotten += 1;
      if (!options_.check_only) TRY_VOID(store_.inner().ask(std::move(Record("forget").set("name", name))));
    }
    return {};
  }

  Store& store_;
  const ListCheckOptions& options_;
  const std::function<void(const std::string&)>& note_;
  ListCheckReport report_;
  std::set<std::string> accounts_;  // of adopted mailboxes
  std::string user_;                // whose rows are in ids_: id to name
  std::map<std::string, std::string> ids_;
};
}  // namespace

Result<ListCheckReport> check_list(Store& store, const ListCheckOptions& options,
                                   const std::function<void(const std::string&)>& note) {
  return ListCheck(store, options, note).run();
}

}  // namespace waxwing::store
