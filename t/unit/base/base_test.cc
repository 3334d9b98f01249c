#include <sys/stat.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include <thread>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/record.h"
#include "common/base/strings.h"
#include "common/base/time.h"

using namespace waxwing;

TEST_CASE("base64 is strict and round-trips every length") {
  std::string bytes;
  for (int i = 0; i < 70; ++i) {
    REQUIRE(from_base64(to_base64(bytes)) == bytes);
    bytes += static_cast<char>(i * 37);
  }
  for (const char* bad : {"A", "AB=C", "AB C", "====", "AAA\n", "A==="}) CHECK_FALSE(from_base64(bad));
}

TEST_CASE("durations as the MTA's files write them") {
  CHECK(iso_duration_seconds("pt30m") == 1800);
  CHECK(iso_duration_seconds("P1DT12H") == 129600);
  CHECK(iso_duration_seconds("p2w") == 1209600);
  for (const char* bad : {"", "p", "pt", "30m", "p30m", "pt1d", "pt99999999999999999999s", "p1d "})
    CHECK_FALSE(iso_duration_seconds(bad));
}

TEST_CASE("UTF-8 check refuses overlong forms and surrogates") {
  CHECK(is_utf8("plain, \xC3\xA9, \xE2\x82\xAC, \xF0\x9F\x90\xA6"));
  for (const char* bad : {"\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xC3", "\x80"})
    CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("records round-trip and refuse garbage") {
  const auto record = Record("hello").set("name", "a=b").set("size", 42).set("name", "second");
  const auto back = Record::decode(record.encode());
  REQUIRE(back);
  CHECK(back->verb() == "hello");
  CHECK(back->get("name") == "a=b");
  CHECK(back->number("size") == 42);
  CHECK(back->all("name").size() == 2);
  using namespace std::string_literals;
  for (const auto& bad : {""s, "x"s, "\0"s, "v\0=x\0"s, "v\0novalue\0"s, "v\0a=b"s})
    CHECK_FALSE(Record::decode(bad));
}

TEST_CASE("a moment as the logs show it") {
  CHECK(iso_timestamp(0) == "1970-01-01T00:00:00.000Z");
  CHECK(iso_timestamp(1795334400123) == "2026-11-22T08:00:00.123Z");
  CHECK(iso_timestamp(253402300799999) == "9999-12-31T23:59:59.999Z");
  // Damaged files hold any number: whatever comes out, it is as long as ever.
  for (const auto odd : {INT64_MAX, INT64_MIN, std::int64_t{-1}, std::int64_t{253402300800000}})
    CHECK(iso_timestamp(odd).size() == 24);
}

TEST_CASE("reading a file waits for no FIFO without a writer, and reads a pipe to its end") {
  const std::string path = "/tmp/waxwing-fifo-" + unique_id();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(read_file(path) == "");
  ::unlink(path.c_str());
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const UniqueFd out(ends[0]);
  std::thread writer([in = ends[1]] {
    (void)write_all(in, std::string(200'000, 'x'));
    ::close(in);
  });
  CHECK(read_file("/proc/self/fd/" + std::to_string(out.get())).value_or("").size() == 200'000);
  writer.join();
}
