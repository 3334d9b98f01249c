#include "watcher/renewal.h"

#include <unistd.h>

#include <catch2/catch.hpp>

using namespace waxwing;

TEST_CASE("what a watcher hands on survives its way over the command line") {
  const Inheritance handed{5, 7, {{"stored", 71}, {"imapd", 0}}};
  CHECK(handed.text() == "5:7:stored=71,imapd=0");
  const auto read = Inheritance::parse(handed.text());
  REQUIRE(read);
  CHECK(read->listener == 5);
  CHECK(read->lock == 7);
  REQUIRE(read->services.size() == 2);
  CHECK(read->services[0].service == "stored");
  CHECK(read->services[0].pid == 71);
  CHECK(read->services[1].pid == 0);
  CHECK(Inheritance::parse("5:7:")->services.empty());
}

TEST_CASE("what is no inheritance is refused") {
  for (const char* text : {"", "5", "5:7:stored", "5:7:=1", "5:7:stored=-3", "2:7:", "5:0:", "x:7:"})
    CHECK_FALSE(Inheritance::parse(text));
}

TEST_CASE("a program is older when another file lies in its place") {
  char own[4096] = {};
  REQUIRE(::readlink("/proc/self/exe", own, sizeof own - 1) > 0);
  CHECK_FALSE(runs_older_program(::getpid(), own));
  CHECK_FALSE(runs_older_program(::getpid(), "/nowhere/at/all"));
  // Another name: an interpreter, or a service that is not ours.
  CHECK_FALSE(runs_older_program(::getpid(), "/bin/sh"));
}
