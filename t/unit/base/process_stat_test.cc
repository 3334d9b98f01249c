#include "common/base/process_stat.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>

using namespace waxwing;

TEST_CASE("what the system tells of a process") {
  const auto mine = process_stat(::getpid());
  REQUIRE(mine);
  CHECK(mine->parent == ::getppid());
  CHECK(mine->start_ticks > 0);
  CHECK(mine->pages > 0);
  CHECK_FALSE(mine->has_ended());

  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const auto child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NAME, "a) R 1 (b)");
    (void)!::write(ready[1], "x", 1);
    ::pause();
    ::_exit(0);
  }
  char byte;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  auto seen = process_stat(child);
  REQUIRE(seen);
  CHECK(seen->parent == ::getpid());
  CHECK_FALSE(seen->has_ended());
  REQUIRE(::kill(child, SIGKILL) == 0);
  siginfo_t how;
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child), &how, WEXITED | WNOWAIT) == 0);
  seen = process_stat(child);
  REQUIRE(seen);
  CHECK(seen->has_ended());
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(process_stat(child));
  ::close(ready[0]);
  ::close(ready[1]);
}
