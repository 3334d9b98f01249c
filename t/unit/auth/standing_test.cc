#include "common/auth/standing.h"

#include <catch2/catch.hpp>
#include <thread>

#include "t/unit/directory/private_slapd.h"

using namespace waxwing;
using namespace waxwing::auth;
using directory::Editor;

namespace {
struct World {
  test::PrivateSlapd slapd;
  std::shared_ptr<directory::Directory> directory;
  Peer peer{.service = Service::imap, .address = "127.0.0.1"};

  explicit World(std::int64_t login_seconds) {
    for (const char* uid : {"joe", "ann"}) slapd.add_user(uid);
    auto settings = slapd.settings();
    settings.login_seconds = login_seconds;
    directory = directory::Directory::open(settings).value();
  }
  // The DN of a user who logs in.
  std::string log_in(const std::string& name) const {
    return directory->user_by_login(name, Ask::may_block).value()->dn;
  }
};
}  // namespace

TEST_CASE("whoever has just logged in, by whatever name, is not looked up again") {
  const World world(60);
  Standing standing(world.directory);
  const auto dn = world.log_in("joe@example.test");
  const auto before = world.directory->counters();
  const auto answer = standing.check(dn, "joe", world.peer);
  CHECK(answer.fresh);
  CHECK(answer.verdict.allowed);
  CHECK(world.directory->counters().misses == before.misses);
}

TEST_CASE("whoever was made inactive or deleted is refused once the refreshed entry has come") {
  const World world(0);
  Standing standing(world.directory);
  const auto joe = world.log_in("joe"), ann = world.log_in("ann");
  const auto refused = [&](const std::string& dn, const std::string& name) {
    auto answer = standing.check(dn, name, world.peer);
    CHECK(answer.verdict.allowed);  // by what is known
    while (answer.verdict.allowed) {
      std::this_thread::yield();
      answer = standing.check(dn, name, world.peer);
    }
    return answer.verdict.failure;
  };
  REQUIRE(
      world.slapd.editor().modify(joe, {{Editor::Change::Kind::replace, "mailUserStatus", {"inactive"}}}));
  CHECK(refused(joe, "joe").reason == Reason::status);
  REQUIRE(world.slapd.editor().remove(ann));
  CHECK(refused(ann, "ann").for_log == "ann: there is no such user any more");
}

TEST_CASE("a directory that hangs keeps nobody waiting, and is asked once a user") {
  World world(0);
  Standing standing(world.directory);
  const auto joe = world.log_in("joe"), ann = world.log_in("ann");
  const auto before = world.directory->counters();
  world.slapd.freeze();
  for (int i = 0; i < 100; ++i)
    for (const auto& dn : {joe, ann}) CHECK(standing.check(dn, "he", world.peer).verdict.allowed);
  CHECK(standing.check("uid=new,o=isp", "new", world.peer).verdict.allowed);  // nothing is known of him
  while (world.directory->counters().misses < before.misses + 2) std::this_thread::yield();
  // The third waits until one of these two has its answer.
  CHECK(world.directory->counters().misses == before.misses + 2);
  CHECK(world.directory->counters().failures == before.failures);
  world.slapd.thaw();
  while (world.directory->counters().searches < before.searches + 3) std::this_thread::yield();
  CHECK(world.directory->counters().searches == before.searches + 3);
}
