// mboxutil(1): list, create, delete, rename and look at mailboxes.
//
// Everything goes through the store library and so through stored, which must be running; nothing here
// opens a database.
#include <fmt/core.h>
#include <getopt.h>

#include <fstream>
#include <iostream>
#include <map>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "tools/mboxutil/pattern.h"
#include "tools/service/store_tool.h"

namespace waxwing {
namespace {

using namespace store;

constexpr const char* kUsage =
    "usage: mboxutil [--instance DIR] -l [-p pattern | -P regex] [-x | -s]\n"
    "       mboxutil -c mailbox... | -c -f file\n"
    "       mboxutil -d mailbox... | -d -p pattern | -d -P regex | -d -f file\n"
    "       mboxutil -r old new | -r -f file\n"
    "       mboxutil -e [-p pattern | -P regex]     expunge messages flagged \\Deleted\n"
    "       mboxutil -u user                        what the user has stored\n"
    "       mboxutil -q domain                      what each user of the domain has stored\n"
    "Mailboxes are user/<uid>[@domain]/<folder>.";

struct Arguments {
  std::string instance, pattern, regex, file, user, domain;
  char action = 0;
  bool extended = false, names_only = false;
  std::vector<std::string> words;
  std::string default_domain;  // of the instance
};

// Users of the default domain have no domain in their name, whoever writes one.
std::string stored_user(const Arguments& a, const std::string& user) {
  const auto at = user.rfind('@');
  const bool ours = at != std::string::npos && iequals(user.substr(at + 1), a.default_domain);
  return ours ? user.substr(0, at) : user;
}

Result<MailboxName> mailbox_called(const Arguments& a, std::string_view text) {
  TRY(auto name, MailboxName::parse(text));
  name.user = stored_user(a, name.user);
  return name;
}

Result<Arguments> parse(int argc, char** argv) {
  static const option kLong[] = {{"instance", required_argument, nullptr, 'I'}, {nullptr, 0, nullptr, 0}};
  Arguments a;
  ::opterr = 0;
  std::map<int, std::string*> with_value{{'I', &a.instance}, {'p', &a.pattern}, {'P', &a.regex},
                                         {'f', &a.file},     {'u', &a.user},    {'q', &a.domain}};
  for (int letter; (letter = ::getopt_long(argc, argv, "lcdrexsp:P:f:u:q:", kLong, nullptr)) != -1;) {
    if (letter == '?') return permanent(kUsage);
    if (const auto at = with_value.find(letter); at != with_value.end()) *at->second = ::optarg;
    if (letter == 'x') a.extended = true;
    if (letter == 's') a.names_only = true;
    if (std::string_view("lcdreuq").find(static_cast<char>(letter)) == std::string_view::npos) continue;
    if (a.action != 0) return permanent(kUsage);
    a.action = static_cast<char>(letter);
  }
  a.words.assign(argv + ::optind, argv + argc);
  if (a.action == 0 || (!a.pattern.empty() && !a.regex.empty()) || (a.extended && a.names_only))
    return permanent(kUsage);
  return a;
}

// Lines of -f, blanks and # comments left out.
Result<std::vector<std::string>> read_lines(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return permanent("cannot read " + path);
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);)
    if (const auto text = trim(line); !text.empty() && text.front() != '#') lines.emplace_back(text);
  return lines;
}

Result<std::vector<MailboxEntry>> matching(Store& store, const Arguments& a) {
  TRY(const auto matches, mailbox_matcher(a.pattern, a.regex));
  std::vector<MailboxEntry> found;
  TRY_VOID(store.for_each(literal_prefix(a.pattern), [&](const MailboxEntry& entry) {
    if (matches(entry.name.text())) found.push_back(entry);
    return true;
  }));
  return found;
}

void print_row(Store& store, const MailboxEntry& entry, bool extended) {
  const auto status = store.status(entry);
  const auto messages = status ? std::to_string(status->messages) : "?";
  const auto kilobytes = status ? std::to_string((status->size + 1023) / 1024) : "?";
  fmt::print("{:>8} {:>10} {:<12} {}\n", messages, kilobytes, entry.partition, entry.name.text());
  if (extended)
    fmt::print("         id={} uidvalidity={} uidnext={} highestmodseq={} special-use={} path={}\n", entry.id,
               status ? status->uidvalidity : entry.uidvalidity, status ? status->uidnext : 0,
               status ? status->highestmodseq : 0, entry.special_use.empty() ? "none" : entry.special_use,
               entry.directory);
  if (!status) fmt::print(stderr, "mboxutil: {}: {}\n", entry.name.text(), status.error().text);
}

Result<int> list(Store& store, const Arguments& a) {
  TRY(const auto matches, mailbox_matcher(a.pattern, a.regex));
  if (!a.names_only) fmt::print("{:>8} {:>10} {:<12} {}\n", "messages", "kilobytes", "partition", "mailbox");
  TRY_VOID(store.for_each(literal_prefix(a.pattern), [&](const MailboxEntry& entry) {
    const auto name = entry.name.text();
    if (!matches(name)) return true;
    if (a.names_only)
      fmt::print("{}\n", name);
    else
      print_row(store, entry, a.extended);
    return true;
  }));
  return 0;
}

// Does each, says what failed, answers how many did.
int for_all(const std::vector<std::string>& items, const std::function<Result<>(const std::string&)>& work) {
  int failures = 0;
  for (const auto& item : items) {
    if (const auto done = work(item); !done) {
      fmt::print(stderr, "mboxutil: {}: {}\n", item, text_of(done.error()));
      failures += 1;
    }
  }
  return failures;
}

Result<std::vector<std::string>> named(const Arguments& a) {
  if (a.file.empty()) return a.words;
  return read_lines(a.file);
}

Result<int> create(Store& store, const Arguments& a) {
  TRY(const auto names, named(a));
  if (names.empty()) return permanent(kUsage);
  return for_all(names, [&](const std::string& text) -> Result<> {
    TRY(const auto name, mailbox_called(a, text));
    TRY_VOID(store.create(name));
    return {};
  });
}

// Without its INBOX a user has nothing: all folders go with it.
Result<> remove_one(Store& store, const MailboxName& name) {
  if (name.is_inbox()) {
    TRY(const auto all, store.list(name.user));
    for (const auto& entry : all)
      if (!entry.name.is_inbox()) TRY_VOID(store.remove(entry.name));
  }
  return store.remove(name);
}

Result<int> remove(Store& store, const Arguments& a) {
  if (!a.pattern.empty() || !a.regex.empty()) {
    TRY(const auto found, matching(store, a));
    std::vector<std::string> names;
    for (const auto& entry : found) names.push_back(entry.name.text());
    return for_all(names, [&](const std::string& text) -> Result<> {
      TRY(const auto name, mailbox_called(a, text));
      return store.remove(name);
    });
  }
  TRY(const auto names, named(a));
  if (names.empty()) return permanent(kUsage);
  return for_all(names, [&](const std::string& text) -> Result<> {
    TRY(const auto name, mailbox_called(a, text));
    return remove_one(store, name);
  });
}

Result<int> rename(Store& store, const Arguments& a) {
  TRY(auto lines, named(a));
  if (a.file.empty()) {
    if (a.words.size() != 2) return permanent(kUsage);
    lines = {a.words[0] + "\t" + a.words[1]};
  }
  // In a file: old and new separated by a TAB, or by blanks where neither name has any.
  return for_all(lines, [&](const std::string& line) -> Result<> {
    const auto gap = line.find('\t') != std::string::npos ? line.find('\t') : line.find(' ');
    if (gap == std::string::npos) return permanent("needs an old and a new name");
    TRY(const auto from, mailbox_called(a, trim(line.substr(0, gap))));
    TRY(const auto to, mailbox_called(a, trim(line.substr(gap + 1))));
    return store.rename(from, to);
  });
}

Result<int> expunge(Store& store, const Arguments& a) {
  TRY(const auto found, matching(store, a));
  int failures = 0;
  for (const auto& entry : found) {
    const auto mailbox = store.open_mailbox(entry);
    const auto gone = mailbox ? (*mailbox)->expunge({{1, 0xffffffff}}, true)
                              : Result<UidSet>(std::unexpected(mailbox.error()));
    if (gone) continue;
    fmt::print(stderr, "mboxutil: {}: {}\n", entry.name.text(), text_of(gone.error()));
    failures += 1;
  }
  return failures;
}

Result<> print_usage(Store& store, const std::string& user) {
  TRY(const auto usage, store.quota_usage(user));
  fmt::print("{:>10} {:>10} {}\n", usage.messages, (usage.bytes + 1023) / 1024, user);
  return {};
}

Result<int> usage(Store& store, const Arguments& a) {
  std::vector<std::string> users;
  if (a.action == 'u') {
    users.push_back(stored_user(a, a.user));
  } else {
    const std::string wanted = a.domain == "-" || iequals(a.domain, a.default_domain) ? "" : a.domain;
    TRY_VOID(store.for_each("user/", [&](const MailboxEntry& entry) {
      const auto& user = entry.name.user;
      const auto at = user.find('@');
      const auto domain = at == std::string::npos ? "" : user.substr(at + 1);
      if (iequals(domain, wanted) && (users.empty() || users.back() != user)) users.push_back(user);
      return true;
    }));
  }
  fmt::print("{:>10} {:>10} {}\n", "messages", "kilobytes", "user");
  return for_all(users, [&](const std::string& user) { return print_usage(store, user); });
}

Result<int> run(Arguments a) {
  TRY(const auto store, open_store(a.instance, "mboxutil"));
  TRY(const auto root, find_instance(a.instance));
  std::vector<BadLine> told_already;
  TRY(const auto config, Config::load_good_lines(root, told_already));
  a.default_domain = config->text("local.defaultdomain");
  const std::map<char, Result<int> (*)(Store&, const Arguments&)> actions{
      {'l', list}, {'c', create}, {'d', remove}, {'r', rename}, {'e', expunge}, {'u', usage}, {'q', usage}};
  TRY(const int failures, actions.at(a.action)(*store, a));
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  return store_tool("mboxutil", kUsage, argc, argv, parse, run);
}
