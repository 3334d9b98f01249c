#include "store/mailbox/cache.h"
#include "t/unit/store/sandbox.h"

using namespace waxwing;
using namespace waxwing::store;
using namespace waxwing::store::test;

TEST_CASE("a cache entry that begins in what is mapped and ends behind it is read whole") {
  constexpr std::uint64_t kFirstMapping = 1 << 20;
  const Sandbox box;
  const auto cache = CacheFile::open(box.root() + "/store.c1");
  REQUIRE(cache);
  auto entry = parse_for_cache("Subject: " + std::string(600, 's') + "\r\n\r\nbody\r\n").cache_entry;
  stamp(entry, 7);
  REQUIRE(entry.size() > 600);
  std::shared_ptr<const void> keep;
  REQUIRE((*cache)->write(0, entry));
  REQUIRE((*cache)->entry(0, 7, keep) == entry);
  const auto across = kFirstMapping - 100;
  REQUIRE((*cache)->write(across, entry));
  CHECK((*cache)->entry(across, 7, keep) == entry);
}
