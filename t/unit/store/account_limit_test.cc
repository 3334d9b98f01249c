// A modseq is given out once: what the file on disk allows is raised before it is used up.
#include <fcntl.h>

#include <cstddef>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/path.h"
#include "store/mailbox/account.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

namespace {
struct NearLimit {
  Sandbox box;
  std::string path;
  std::shared_ptr<Account> account;

  NearLimit() {
    const auto directory = parent_directory(box.mailbox("bob")->entry().directory);
    path = directory + "/store.usr";
    account = *Account::open(directory);
    const auto next = limit() - 2;
    const auto fd = open_file(path, O_RDWR);
    REQUIRE(write_at(fd->get(), offsetof(AccountHeader, next_modseq),
                     std::string_view(reinterpret_cast<const char*>(&next), sizeof next)));
  }
  std::uint64_t limit() const {
    std::uint64_t limit = 0;
    REQUIRE(read_at(open_file(path, O_RDONLY)->get(), offsetof(AccountHeader, modseq_limit), &limit,
                    sizeof limit));
    return limit;
  }
};
}  // namespace

TEST_CASE("the limit of modseqs is raised on disk before it is reached") {
  const NearLimit bob;
  const auto before = bob.limit();
  const auto commits = durable::counters().batches;
  CHECK(bob.account->next_modseq() == before - 2);
  CHECK(bob.limit() > before);
  CHECK(durable::counters().batches == commits + 1);
  CHECK(bob.account->next_modseq() == before - 1);
  CHECK(bob.account->next_modseq() == before);
  CHECK(durable::counters().batches == commits + 1);
}

TEST_CASE("a limit of modseqs that the disk refused to raise is raised with the next one") {
  const NearLimit bob;
  const auto before = bob.limit();
  arm_failpoints("durable.sync=eio");
  CHECK(bob.account->next_modseq() == before - 2);
  CHECK(bob.limit() == before);
  arm_failpoints("");
  const auto commits = durable::counters().batches;
  CHECK(bob.account->next_modseq() == before - 1);
  CHECK(bob.limit() > before);
  CHECK(durable::counters().batches == commits + 1);
}

TEST_CASE("a counter that is raised has its limit on disk") {
  const NearLimit bob;
  const auto above = bob.limit() + 1000;
  const auto commits = durable::counters().batches;
  bob.account->raise_modseq(above);
  CHECK(bob.account->last_modseq() == above);
  CHECK(bob.limit() > above);
  CHECK(durable::counters().batches == commits + 1);
}
