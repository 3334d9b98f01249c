#include "mta/circuit/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <thread>
#include <vector>

#include "t/unit/bad_disk.h"

using namespace waxwing;
using namespace waxwing::mta::circuit;

namespace {

struct Scratch {
  std::string root;
  Scratch() {
    char name[] = "/tmp/waxwing-circuit-XXXXXX";
    root = ::mkdtemp(name);
  }
  ~Scratch() { (void)remove_tree(root); }
  std::string path(const std::string& name) const { return root + "/circuitcheck/" + name; }
};

constexpr std::int64_t kNow = 1'790'000'000'000;

void send_one(Record& record) {
  record.send(kNow);
}

}  // namespace

TEST_CASE("the key of an instance is made once, for nobody else to read") {
  const Scratch scratch;
  const auto key = Ledger(scratch.root).key();
  REQUIRE(key);
  CHECK(key->size() == 32);
  CHECK(*Ledger(scratch.root).key() == *key);
  struct stat status {};
  REQUIRE(::stat(scratch.path("key").c_str(), &status) == 0);
  CHECK((status.st_mode & 077) == 0);
  const Scratch other;
  CHECK(*Ledger(other.root).key() != *key);
  REQUIRE(replace_file(scratch.path("key"), "abc\n"));
  const auto damaged = Ledger(scratch.root).key();
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().text.find("is damaged; remove it") != std::string::npos);
}

TEST_CASE("what is known of a circuit is there for the next program") {
  const Scratch scratch;
  CHECK(Ledger(scratch.root).read("x")->since_ms() == 0);
  REQUIRE(Ledger(scratch.root).change("x", kNow, send_one));
  const auto record = Ledger(scratch.root).change("x", kNow + 1, send_one);
  REQUIRE(record);
  CHECK(record->figures().sent == 2);
  CHECK(record->since_ms() == kNow);
  CHECK(Ledger(scratch.root).read("x")->text() == record->text());
  CHECK(Ledger(scratch.root).read("y")->figures().sent == 0);
  CHECK(list_directory(scratch.root + "/circuitcheck")->size() == 2);  // the record and the lock
}

TEST_CASE("programs that change a record at once lose nothing") {
  const Scratch scratch;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 25; ++n) (void)Ledger(scratch.root).change("x", kNow, send_one);
    });
  for (auto& thread : threads) thread.join();
  CHECK(Ledger(scratch.root).read("x")->figures().sent == 100);
}

TEST_CASE("a damaged record begins anew, and what was sent before does not count as a duplicate") {
  const Scratch scratch;
  Sent sent;
  REQUIRE(Ledger(scratch.root).change("x", kNow, [&](Record& record) { sent = record.send(kNow); }));
  REQUIRE(replace_file(scratch.path("x.circuit"), "waxwing circuit 1\nrubbish\n"));
  CHECK_FALSE(Ledger(scratch.root).read("x"));
  auto came = Record::Came::first;
  const auto record = Ledger(scratch.root).change("x", kNow + 10, [&](Record& each) {
    came = each.came_back({"x", sent.number, sent.sent_ms}, kNow + 10, "Q1");
  });
  REQUIRE(record);
  CHECK(came == Record::Came::unknown);
  CHECK(record->figures() == Figures{});
}

TEST_CASE("where a record cannot be read now, it is not begun anew") {
  const Scratch scratch;
  REQUIRE(Ledger(scratch.root).change("x", kNow, send_one));
  const auto before = *read_file(scratch.path("x.circuit"));
  bool failed = true;
  for (long n = 1; failed; ++n) {
    Result<Record> changed;
    {
      const BadDisk disk(scratch.path("x.circuit"), n, EIO);
      changed = Ledger(scratch.root).change("x", kNow, send_one);
      failed = BadDisk::failed();
    }
    INFO(n);
    CHECK(changed.has_value() != failed);
    if (failed) CHECK(*read_file(scratch.path("x.circuit")) == before);
  }
  CHECK(list_directory(scratch.root + "/circuitcheck")->size() == 2);
}
