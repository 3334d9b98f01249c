#include <catch2/catch.hpp>

#include "mta/config/channel_name.h"
#include "mta/queue/queue.h"

using namespace waxwing::mta::queue;
using waxwing::mta::is_channel_name;

TEST_CASE("queue file names are taken apart and put together") {
  const auto name = FileName::parse("tcp_local/042/ZZ01JABCDEF.00");
  REQUIRE(name);
  CHECK(name->channel == "tcp_local");
  CHECK(name->bucket == "042");
  CHECK(name->attempts == 0);
  CHECK(name->id == "01JABCDEF");
  CHECK(name->copy == "00");
  CHECK_FALSE(name->held);
  CHECK(name->key() == "tcp_local/042/01JABCDEF.00");
  auto held = FileName::parse("ims-ms/000/ZX01J.01.HELD");
  REQUIRE(held);
  CHECK(held->held);
  CHECK(held->attempts == 2);
  CHECK(held->relative() == "ims-ms/000/ZX01J.01.HELD");
}

TEST_CASE("the two letters step down with every attempt and stop at AA") {
  auto name = *FileName::parse("l/000/ZZ0000.00");
  const auto letters = [&](unsigned attempts) {
    name.attempts = attempts;
    const auto text = name.relative();
    CHECK(FileName::parse(text)->attempts == std::min(attempts, 675U));
    return text.substr(6, 2);
  };
  CHECK(letters(1) == "ZY");
  CHECK(letters(25) == "ZA");
  CHECK(letters(26) == "YZ");
  CHECK(letters(675) == "AA");
  CHECK(letters(100000) == "AA");
}

TEST_CASE("names that are no queue files are refused") {
  for (const char* bad :
       {"", "a", "a/b", "a/000/ZZ1.00/x", "../000/ZZ1.00", "A/000/ZZ1.00", "a/00/ZZ1.00", "a/0x0/ZZ1.00",
        "a/000/", "a/000/ZZ.00", "a/000/ZZ1", "a/000/ZZ1.0", "a/000/ZZ1.xx", "a/000/zz1.00", "a/000/ZZ1/2.00",
        "a/000/ZZ1.00.held", "a/000/ZZ..00", ".tmp/000/ZZ1.00", "a/000/.ZZ1.00"})
    CHECK_FALSE(FileName::parse(bad));
  CHECK_FALSE(is_channel_name(std::string(33, 'a')));
  CHECK(is_channel_name("ims-ms_2$x"));
  CHECK_FALSE(is_channel_name("tcp.local"));
}
