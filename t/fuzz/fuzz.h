// The frame of a fuzz target: one function over hostile bytes.
//
//   FUZZ_TARGET(address) {             // std::string_view input
//     const auto list = mail::parse_address_list(input);
//     MUST(list.items.size() <= 1000);
//   }
//
// `make fuzz TARGET=address` compiles it with clang as a libFuzzer program. In `make check` all targets are
// test cases of one program, build/t/fuzz: each runs over the files of t/fuzz/corpus/<target>, over what is
// left of each when it is cut short, and over a few fixed mutations. A target may keep state between inputs
// only as a cache.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace waxwing::fuzz {

// What a target says when something that must hold does not.
[[noreturn]] void broken(const char* condition, const char* file, int line);

// Takes an input apart from its front. At its end everything is 0 and empty.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }
  std::string_view rest() const { return rest_; }
  std::uint8_t byte() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t word() { return static_cast<std::uint16_t>(number(2)); }
  // Up to the next line end, which is dropped.
  std::string_view line();
  std::string_view take(std::size_t count);

 private:
  std::uint64_t number(std::size_t bytes);
  std::string_view rest_;
};

// Calls feed with the pieces of bytes; sizes are drawn from a generator with that seed, often 1.
template <class F>
void in_pieces(std::string_view bytes, std::uint32_t seed, F&& feed) {
  while (!bytes.empty()) {
    seed = seed * 1664525U + 1013904223U;
    const std::size_t wanted = (seed >> 24) < 160 ? 1 : 1 + (seed >> 16) % 40;
    const auto piece = bytes.substr(0, wanted);
    bytes.remove_prefix(piece.size());
    feed(piece);
  }
}

using Target = void (*)(std::string_view input);
// For make check: over the corpus of that name.
void run_corpus(const std::string& name, Target target);

}  // namespace waxwing::fuzz

#define MUST(...)                                                                  \
  do {                                                                             \
    if (!(__VA_ARGS__)) ::waxwing::fuzz::broken(#__VA_ARGS__, __FILE__, __LINE__); \
  } while (0)

#ifdef WAXWING_LIBFUZZER
#define FUZZ_TARGET(name)                                                             \
  static void fuzz_##name(std::string_view input);                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_##name({reinterpret_cast<const char*>(data), size});                         \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(std::string_view input)
#else
#include <catch2/catch.hpp>
#define FUZZ_TARGET(name)                            \
  static void fuzz_##name(std::string_view input);   \
  TEST_CASE("corpus of " #name) {                    \
    ::waxwing::fuzz::run_corpus(#name, fuzz_##name); \
  }                                                  \
  static void fuzz_##name(std::string_view input)
#endif
