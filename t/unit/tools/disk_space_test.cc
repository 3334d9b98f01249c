#include "tools/service/disk_space.h"

#include <catch2/catch.hpp>

using namespace waxwing;

TEST_CASE(
    "a file system is low with less than a tenth left, by bytes or by files, and full before nothing is") {
  constexpr std::uint64_t kGiB = 1 << 30;
  struct Row {
    DiskSpace space;
    DiskState state;
    const char* text;
  };
  const Row rows[] = {
      {{"queue, log", 50 * kGiB, 100 * kGiB, 900, 1000},
       DiskState::well,
       "50 % used, 53687 MB and 900 files left: queue, log"},
      {{"queue", 9 * kGiB, 100 * kGiB, 900, 1000},
       DiskState::low,
       "91 % used, 9663 MB and 900 files left: queue"},
      {{"queue", 50 * kGiB, 100 * kGiB, 20, 1000},
       DiskState::low,
       "98 % used, 53687 MB and 20 files left: queue"},
      {{"queue", 50 * kGiB, 100 * kGiB, 0, 1000},
       DiskState::full,
       "100 % used, 53687 MB and 0 files left: queue"},
      {{"queue", 1 << 20, 20 << 20, 0, 0}, DiskState::full, "95 % used, 1 MB left: queue"},
      {{"queue", 0, 12 << 20, 0, 0}, DiskState::full, "100 % used, 0 MB left: queue"},
      {{"btrfs", 50 * kGiB, 100 * kGiB, 0, 0}, DiskState::well, "50 % used, 53687 MB left: btrfs"},
  };
  for (const auto& [space, state, text] : rows) {
    CHECK(state_of(space) == state);
    CHECK(text_of(space) == text);
  }
}
