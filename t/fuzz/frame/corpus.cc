// Over a corpus in make check. No chance in it: the same mutations every time.
#ifndef WAXWING_LIBFUZZER
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

namespace waxwing::fuzz {

namespace {
constexpr std::size_t kCuts = 12, kMutations = 12;

void run_one(Target target, const std::string& what, const std::string& bytes) {
  INFO(what << ": " << printable(bytes, 400));
  // Of the exact size, on the heap: a sanitizer sees the first byte read behind it.
  const std::vector<char> exact(bytes.begin(), bytes.end());
  REQUIRE_NOTHROW(target({exact.data(), exact.size()}));
}

std::string mutated(std::string bytes, std::uint32_t seed) {
  for (int changes = 0; changes < 3 && !bytes.empty(); ++changes) {
    seed = seed * 1664525U + 1013904223U;
    const auto at = (seed >> 8) % bytes.size();
    switch (seed >> 30) {
      case 0:
        bytes[at] = static_cast<char>(seed >> 4);
        break;
      case 1:
        bytes.erase(at, 1 + (seed >> 5) % 8);
        break;
      case 2:
        bytes.insert(at, bytes.substr((seed >> 3) % bytes.size(), 12));
        break;
      default:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << (seed >> 4) % 8));
    }
  }
  return bytes;
}
}  // namespace

void run_corpus(const std::string& name, Target target) {
  run_one(target, "nothing", "");
  const std::string folder = "t/fuzz/corpus/" + name;
  std::vector<std::string> files;
  if (std::filesystem::is_directory(folder))
    for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  REQUIRE_FALSE(files.empty());
  for (const auto& file : files) {
    std::ifstream stream(file, std::ios::binary);
    const std::string bytes(std::istreambuf_iterator<char>(stream), {});
    run_one(target, file, bytes);
    for (std::size_t n = 1; n < kCuts; ++n) {
      const auto length = bytes.size() * n / kCuts;
      run_one(target, file + " cut to " + std::to_string(length), bytes.substr(0, length));
    }
    for (std::uint32_t n = 0; n < kMutations; ++n)
      run_one(target, file + " mutation " + std::to_string(n), mutated(bytes, n * 77777U + 1));
  }
}

}  // namespace waxwing::fuzz
#endif
