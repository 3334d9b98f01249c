// Accounts that a process opens at once.
#include "store/engine/open_mailboxes.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <future>

#include "store/detail/mapping.h"
#include "store/mailbox/account.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
// Does anybody wait for a lock of this file?
bool is_waited_for(int fd) {
  struct stat info {};
  REQUIRE(::fstat(fd, &info) == 0);
  const auto inode = ":" + std::to_string(info.st_ino) + " ";
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);)
    if (line.find("->") != std::string::npos && line.find(inode) != std::string::npos) return true;
  return false;
}
// The account file of the first user is locked as another process locks it that starts with the system.
struct Held {
  UniqueFd fd;
  explicit Held(const std::string& directory) {
    auto opened = open_file(directory + "/store.usr", O_RDWR);
    REQUIRE(opened);
    fd = std::move(*opened);
    REQUIRE(lock_byte(fd.get(), 0));
  }
  void let_go() const { unlock_byte(fd.get(), 0); }
};
struct NewBoot {
  NewBoot() { ::setenv("WAXWING_TEST_BOOT_ID", "0123456789abcdef0123456789abcdef", 1); }
  ~NewBoot() { ::unsetenv("WAXWING_TEST_BOOT_ID"); }
};
}  // namespace

TEST_CASE("an account that is long in opening keeps nobody waiting but those who want it") {
  std::string name = "/tmp/waxwing-accounts-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  REQUIRE(make_directories(name + "/=user"));  // the partition is there
  const auto slow = name + "/=user/aa/aa/=slow", quick = name + "/=user/bb/bb/=quick";
  REQUIRE(Account::create(slow, "slow"));
  REQUIRE(Account::create(quick, "quick"));
  {
    OpenMailboxes open({{"primary", name}}, std::make_shared<const Surroundings>());
    const NewBoot boot;
    const Held held(slow);
    const auto account = [&](const std::string& directory) {
      return std::async(std::launch::async, [&open, directory] { return open.account(directory); });
    };
    auto first = account(slow), second = account(slow);
    while (!is_waited_for(held.fd.get())) std::this_thread::yield();
    auto other = account(quick);
    const bool came = other.wait_for(std::chrono::minutes(1)) == std::future_status::ready;
    CHECK(came);
    CHECK(open.find("nobody's") == nullptr);
    held.let_go();
    CHECK(other.get());
    const auto one = first.get(), two = second.get();
    REQUIRE(one);
    REQUIRE(two);
    CHECK(*one == *two);
    CHECK(open.account(slow).value() == *one);
  }
  (void)remove_tree(name);
}

TEST_CASE("who comes while an opening fails opens the account that he has made meanwhile") {
  std::string name = "/tmp/waxwing-accounts-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  REQUIRE(make_directories(name + "/=user"));
  const auto directory = name + "/=user/aa/aa/=made";
  for (int round = 0; round < 200; ++round) {
    OpenMailboxes open({{"primary", name}}, std::make_shared<const Surroundings>());
    std::atomic<bool> over = false;
    const auto ask = [&] {
      while (!over) (void)open.account(directory);
    };
    auto one = std::async(std::launch::async, ask), other = std::async(std::launch::async, ask);
    const auto made = Account::create(directory, "made");
    const auto account = open.account(directory);
    over = true;
    REQUIRE(made);
    INFO((account ? "" : account.error().text));
    REQUIRE(account);
    one.get();
    other.get();
    REQUIRE(remove_tree(directory));
  }
  (void)remove_tree(name);
}

TEST_CASE("many open and close many accounts") {
  std::string name = "/tmp/waxwing-accounts-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  REQUIRE(make_directories(name + "/=user"));
  std::vector<std::string> directories;
  for (int n = 0; n < 4; ++n) {
    directories.push_back(name + "/=user/aa/aa/=u" + std::to_string(n));
    if (n != 0) REQUIRE(Account::create(directories.back(), "u"));  // the first is never there
  }
  {
    OpenMailboxes open({{"primary", name}}, std::make_shared<const Surroundings>());
    const auto work = [&](unsigned seed) {
      unsigned wrong = 0;
      for (unsigned n = 0; n < 2000; ++n) {
        const auto at = (seed + n * 7) % directories.size();
        const auto account = open.account(directories[at]), again = open.account(directories[at]);
        wrong += account.has_value() != (at != 0);
        wrong += account && (!again || *account != *again);
      }
      return wrong;
    };
    std::vector<std::future<unsigned>> workers;
    for (unsigned n = 0; n < 6; ++n) workers.push_back(std::async(std::launch::async, work, n));
    for (auto& worker : workers) CHECK(worker.get() == 0);
  }
  (void)remove_tree(name);
}

TEST_CASE("an account that cannot be opened is tried again") {
  std::string name = "/tmp/waxwing-accounts-XXXXXX";
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  REQUIRE(make_directories(name + "/=user"));  // the partition is there
  const auto directory = name + "/=user/aa/aa/=late";
  OpenMailboxes open({{"primary", name}}, std::make_shared<const Surroundings>());
  CHECK_FALSE(open.account(directory));
  REQUIRE(Account::create(directory, "late"));
  CHECK(open.account(directory));
  (void)remove_tree(name);
}
