// A process that writes to mailboxes and dies, and what must be there afterwards.
//
// The one who dies is the test program again, in a hidden test case; it writes what was answered to a file
// before it goes on.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "t/unit/store/sandbox.h"

extern char** environ;

namespace waxwing::store::test {

// One line for each thing that was answered.
inline void say(const std::string& root, const std::string& line) {
  std::ofstream(root + "/answered", std::ios::app) << line << std::endl;
}
inline std::set<std::string> said(const std::string& root) {
  std::set<std::string> lines;
  std::ifstream file(root + "/answered");
  for (std::string line; std::getline(file, line);) lines.insert(line);
  return lines;
}

// Delivers, flags, copies and expunges, in this order, over and over.
inline void work(Store& store, const std::string& root, int rounds) {
  const auto inbox_name = *MailboxName::make("bob", "INBOX");
  const auto folder_name = *MailboxName::make("bob", "folder");
  for (int n = 0; n < rounds; ++n) {
    const auto id = std::to_string(n);
    const auto results = deliver(store, sample("s" + id),
                                 {{.user = "bob", .delivery_id = id}, {.user = "cleo", .delivery_id = id}});
    if (results[0].fine()) say(root, "delivered " + id);
    const auto inbox = store.open_mailbox(inbox_name);
    const auto entry = store.find_or_create(folder_name);
    if (!inbox || !entry) continue;
    const auto folder = store.open_mailbox(*entry);
    if (!folder) continue;
    const auto uid = results[0].uid;
    if (uid == 0) continue;
    const FlagChange change{FlagChange::How::add, kFlagged, {"kw"}, {}};
    if ((*inbox)->store_flags({{uid, uid}}, change)) say(root, "flagged " + id);
    if (n % 3 == 1 && (*inbox)->copy({{uid, uid}}, **folder, {})) say(root, "copied " + id);
    if (n % 3 == 2 && (*inbox)->expunge({{uid, uid}}, false)) say(root, "expunged " + id);
  }
}

// Runs this program's hidden test case in that instance; answers its exit status.
inline int run_child(const std::string& root, const std::string& failpoints, const std::string& boot,
                     std::string name = "crash child") {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) variables.emplace_back(*at);
  variables.push_back("WAXWING_CRASH_ROOT=" + root);
  variables.push_back("WAXWING_FAILPOINTS=" + failpoints);
  if (!boot.empty()) variables.push_back("WAXWING_TEST_BOOT_ID=" + boot);
  std::vector<char*> environment;
  for (auto& variable : variables) environment.push_back(variable.data());
  environment.push_back(nullptr);
  char self[] = "/proc/self/exe";
  char* arguments[] = {self, name.data(), nullptr};
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  REQUIRE(::posix_spawn(&pid, self, &actions, nullptr, arguments, environment.data()) == 0);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  REQUIRE(::waitpid(pid, &status, 0) == pid);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Everything that was answered is there, everything that is there is whole, nothing is there twice.
inline void compare(Sandbox& box) {
  const auto answered = said(box.root());
  std::map<std::string, int> copies;
  std::set<std::string> flagged, copied;
  for (const auto* folder : {"INBOX", "folder"}) {
    const auto mailbox = box.mailbox("bob", folder);
    const auto view = *mailbox->view(false);
    std::uint32_t last = 0;
    for (std::uint32_t n = 1; n <= view->exists(); ++n) {
      const auto info = view->message(n);
      CHECK(info.uid > last);
      CHECK(info.modseq != 0);
      CHECK(info.modseq <= view->highestmodseq());
      last = info.uid;
      const auto bytes = mailbox->open_message(info);
      REQUIRE(bytes);
      const auto text = *bytes->read(0, bytes->size());
      const auto at = text.find("Subject: s") + 10;
      const auto id = text.substr(at, text.find('\r', at) - at);
      CHECK(text == sample("s" + id));
      const auto cached = mailbox->cached(info);
      REQUIRE(cached);
      CHECK(cached->envelope.find("\"s" + id + "\"") != std::string_view::npos);
      if (std::string(folder) == "INBOX") copies[id] += 1;
      if (std::string(folder) == "folder") copied.insert(id);
      if (info.flags & kFlagged) flagged.insert(id);
    }
    CHECK(mailbox->status().messages == view->exists());
  }
  for (const auto& line : answered) {
    INFO(line);
    const auto id = line.substr(line.find(' ') + 1);
    if (line.starts_with("delivered") && !answered.contains("expunged " + id)) CHECK(copies[id] <= 1);
    if (line.starts_with("delivered") && std::stoi(id) % 3 != 2) CHECK(copies[id] == 1);
    if (line.starts_with("flagged") && std::stoi(id) % 3 != 2) CHECK(flagged.contains(id));
    if (line.starts_with("copied")) CHECK(copied.contains(id));
    if (line.starts_with("expunged")) CHECK(copies[id] == 0);
  }
  for (const auto& [id, count] : copies) CHECK(count <= 1);
  auto usage = *box.store().quota_usage("bob");
  std::int64_t messages = 0;
  for (const auto* folder : {"INBOX", "folder"}) messages += box.mailbox("bob", folder)->status().messages;
  CHECK(usage.messages == messages);
}

}  // namespace waxwing::store::test
