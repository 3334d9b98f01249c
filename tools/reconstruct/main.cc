// reconstruct(1): index, cache, mailbox list and quota usage made anew from the message files.
//
// Works while the store is in use: a rebuilt index takes the place of the old one in one step, and sessions
// move over to it.
#include <fmt/core.h>
#include <getopt.h>

#include <set>

#include "common/base/path.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/mailbox/rebuild.h"
#include "store/maintenance/list_check.h"
#include "tools/service/store_tool.h"

namespace waxwing {
namespace {

using namespace store;

constexpr const char* kUsage =
    "usage: reconstruct [--instance DIR] [-n | -f] [-e] [-i] [-p partition] {-r [mailbox...] | mailbox...}\n"
    "       reconstruct [-n] [-p partition] [-u user] -m     mailbox list against the partitions\n"
    "       reconstruct [-p partition] [-u user] -q          quota usage\n"
    "  -n  say what would be done\n"
    "  -f  rebuild also what seems right, and parse every message again\n"
    "  -e  drop store.exp first    -i  take nothing from the old index: flags are lost\n"
    "  -r  the mailboxes below those named, too; without names: all";

struct Arguments {
  std::string instance, partition, user;
  bool check_only = false, force = false, drop_purged = false, ignore_index = false, recursive = false,
       list = false, quota = false;
  std::vector<std::string> mailboxes;
};

Result<Arguments> parse(int argc, char** argv) {
  static const option kLong[] = {{"instance", required_argument, nullptr, 'I'}, {nullptr, 0, nullptr, 0}};
  Arguments a;
  ::opterr = 0;
  const std::map<int, bool*> flags{{'n', &a.check_only},   {'f', &a.force},     {'e', &a.drop_purged},
                                   {'i', &a.ignore_index}, {'r', &a.recursive}, {'m', &a.list},
                                   {'q', &a.quota}};
  const std::map<int, std::string*> values{{'I', &a.instance}, {'p', &a.partition}, {'u', &a.user}};
  for (int letter; (letter = ::getopt_long(argc, argv, "nfeirmqp:u:", kLong, nullptr)) != -1;) {
    if (const auto at = flags.find(letter); at != flags.end())
      *at->second = true;
    else if (const auto value = values.find(letter); value != values.end())
      *value->second = ::optarg;
    else
      return permanent(kUsage);
  }
  a.mailboxes.assign(argv + ::optind, argv + argc);
  const int modes = a.list + a.quota + (a.recursive || !a.mailboxes.empty());
  if (modes != 1 || (a.check_only && a.force)) return permanent(kUsage);
  return a;
}

Result<int> check_mailbox_list(Store& store, const Arguments& a) {
  const ListCheckOptions options{a.check_only, a.partition, a.user};
  TRY(const auto report,
      check_list(store, options, [](const std::string& line) { fmt::print("{}\n", line); }));
  fmt::print("{} right, {} not in the list{}, {} without files{}, {} problems\n", report.right,
             report.adopted, a.check_only ? "" : " (adopted)", report.forgotten,
             a.check_only ? "" : " (forgotten)", report.problems);
  return report.problems == 0 && (!a.check_only || report.adopted + report.forgotten == 0) ? 0 : 1;
}

Result<int> sum_up_quota(Store& store, const Arguments& a) {
  std::set<std::string> done;
  int failures = 0;
  const auto prefix = "user/" + (a.user.empty() ? std::string() : a.user + "/");
  TRY_VOID(store.for_each(prefix, [&](const MailboxEntry& entry) {
    if ((!a.partition.empty() && entry.partition != a.partition) || !done.insert(entry.name.user).second)
      return true;
    const auto account = store.inner().mailboxes->account(parent_directory(entry.directory));
    const auto summed = account ? (*account)->sum_up() : Result<>(std::unexpected(account.error()));
    if (summed) {
      const auto usage = (*account)->usage();
      fmt::print("{}: {} messages, {} bytes\n", entry.name.user, usage.messages, usage.bytes);
    } else {
      fmt::print(stderr, "reconstruct: {}: {}\n", entry.name.user, text_of(summed.error()));
      failures += 1;
    }
    return true;
  }));
  return failures == 0 ? 0 : 1;
}

// An account file that cannot be read is made anew; the modseq goes on above all that the indexes know.
Result<std::shared_ptr<Account>> account_of(Store& store, const MailboxEntry& entry, bool check_only) {
  const auto directory = parent_directory(entry.directory);
  auto account = store.inner().mailboxes->account(directory);
  const auto path = directory + "/store.usr";
  if (account || check_only) return account;
  if (file_exists(path) && code_of(account.error()) != Code::corrupt) return account;
  if (file_exists(path) && ::rename(path.c_str(), (path + ".bad").c_str()) != 0)
    return std::unexpected(system_error("cannot rename " + path, errno));
  TRY_VOID(Account::create(directory, entry.name.user));
  account = store.inner().mailboxes->account(directory);
  if (!account) return account;
  TRY(const auto names, list_directory(directory));
  for (const auto& name : names)
    if (const auto header = read_index_header(index_path(directory + "/" + name)))
      (*account)->raise_modseq(header->highestmodseq);
  return account;
}

Result<> rebuild_one(Store& store, const MailboxEntry& entry, const Arguments& a) {
  TRY(const auto account, account_of(store, entry, a.check_only));
  const RebuildOptions options{a.check_only, a.force, a.ignore_index, a.drop_purged};
  TRY(const auto report, rebuild_mailbox(entry, *account, options));
  const auto name = entry.name.text();
  if (report.reason.empty() && !report.rebuilt) {
    fmt::print("{}: right, {} messages\n", name, report.messages);
    return {};
  }
  fmt::print("{}: {}{}; {} messages, {} found, {} lost, {} damaged\n", name,
             report.rebuilt ? "rebuilt" : "would be rebuilt",
             report.reason.empty() ? "" : ": " + report.reason, report.messages, report.found, report.lost,
             report.damaged);
  return {};
}

Result<std::vector<MailboxEntry>> chosen(Store& store, const Arguments& a) {
  std::vector<MailboxEntry> entries;
  const auto collect = [&](const MailboxEntry& entry) {
    if (a.partition.empty() || entry.partition == a.partition) entries.push_back(entry);
    return true;
  };
  if (a.mailboxes.empty())
    TRY_VOID(store.for_each("user/" + (a.user.empty() ? std::string() : a.user + "/"), collect));
  for (const auto& text : a.mailboxes) {
    TRY(const auto name, MailboxName::parse(text));
    TRY(const auto entry, store.find(name));
    collect(entry);
    if (!a.recursive) continue;
    // A user's folders are below the INBOX, for this purpose.
    const auto prefix = name.is_inbox() ? "user/" + name.user + "/" : text + "/";
    TRY_VOID(store.for_each(
        prefix, [&](const MailboxEntry& below) { return below.id == entry.id ? true : collect(below); }));
  }
  return entries;
}

Result<int> rebuild(Store& store, const Arguments& a) {
  TRY(const auto entries, chosen(store, a));
  int failures = 0;
  for (const auto& entry : entries) {
    const auto done = rebuild_one(store, entry, a);
    if (done) continue;
    fmt::print(stderr, "reconstruct: {}: {}\n", entry.name.text(), text_of(done.error()));
    failures += 1;
  }
  return failures == 0 ? 0 : 1;
}

Result<int> run(const Arguments& a) {
  TRY(const auto store, open_store(a.instance, "reconstruct"));
  if (a.list) return check_mailbox_list(*store, a);
  if (a.quota) return sum_up_quota(*store, a);
  return rebuild(*store, a);
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  return store_tool("reconstruct", kUsage, argc, argv, parse, run);
}
