#include <catch2/catch.hpp>
#include <filesystem>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "t/unit/syslog.h"

using namespace waxwing;
using test::told, test::told_facility;

namespace {
struct Scratch {
  std::string path = "/tmp/waxwing-log-" + unique_id();
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() {
    log::open({.level = log::Level::critical});
    std::filesystem::remove_all(path);
  }
};
}  // namespace

TEST_CASE("events go to syslog where a facility is named, and nowhere else where none is") {
  Scratch scratch;
  log::open({.directory = scratch.path, .program = "test"});
  log::Event("quiet").error();
  CHECK(told.empty());
  log::open({.directory = scratch.path, .program = "test", .syslog_facility = "local3"});
  log::Event("loud").with("n", 1).error();
  log::Event("hidden").debug();
  CHECK(told_facility == LOG_LOCAL3);
  REQUIRE(told.size() == 1);
  CHECK(told[0].first == LOG_ERR);
  CHECK(told[0].second == "error loud n=1\n");
}

TEST_CASE("an event is one line; hostile values cannot make a second one") {
  Scratch scratch;
  log::open({.directory = scratch.path, .program = "test"});
  log::Event("a.b").with("sid", "S1").with("text", "two words \"quoted\"\r\ninjected").with("n", 42).notice();
  log::Event("hidden").debug();
  const auto text = read_file(scratch.path + "/test.log");
  REQUIRE(text);
  CHECK_THAT(*text, Catch::Contains(
                        "] notice a.b sid=S1 text=\"two words \\\"quoted\\\"\\x0d\\x0ainjected\" n=42\n"));
  CHECK(split(*text, '\n').size() == 2);
}

TEST_CASE("the file rolls over by size, and so many old ones are kept") {
  Scratch scratch;
  log::open({.directory = scratch.path, .program = "test", .max_file_bytes = 2000, .keep_files = 3});
  for (int i = 0; i < 200; ++i)
    log::Event("event").with("number", i).with("filler", std::string(80, 'x')).notice();
  const auto names = list_directory(scratch.path);
  REQUIRE(names);
  CHECK(names->size() == 4);
  CHECK(read_file(scratch.path + "/test.log")->size() <= 2200);
  CHECK_THAT(*read_file(scratch.path + "/test.log"), Catch::Contains("number=199"));
}

TEST_CASE("the file rolls over by the age of its first event, whichever process wrote that") {
  Scratch scratch;
  const auto path = scratch.path + "/test.log";
  const auto old = [](std::int64_t seconds) { return iso_timestamp(wall_ms() - seconds * 1000) + " old\n"; };
  REQUIRE(replace_file(path, old(3600)));
  log::open({.directory = scratch.path, .program = "test", .max_file_seconds = 7200});
  log::Event("young.enough").notice();
  CHECK_FALSE(file_exists(path + ".1"));
  CHECK_THAT(*read_file(path), Catch::Contains("old\n") && Catch::Contains("young.enough"));
  log::open({.directory = scratch.path, .program = "test", .max_file_seconds = 1800});
  log::Event("rolls").notice();
  log::Event("next").notice();
  CHECK_THAT(*read_file(path + ".1"), Catch::Contains("old\n") && !Catch::Contains("next"));
  CHECK_THAT(*read_file(path), Catch::Contains("next") && !Catch::Contains("old\n"));
  CHECK_FALSE(file_exists(path + ".2"));
}
