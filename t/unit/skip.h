// A test case that cannot be done here says so, and t/run counts it as skipped:
//
//   if (::geteuid() != 0) return skipped("only root lends rights");
#pragma once

#include <catch2/catch.hpp>
#include <cstdio>

namespace waxwing {

inline void skipped(const char* why) {
  std::fprintf(stderr, "\nskipped: %s: %s\n", Catch::getResultCapture().getCurrentTestName().c_str(), why);
}

}  // namespace waxwing
