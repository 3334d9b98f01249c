#include <cstdio>
#include <cstdlib>

#include "t/fuzz/fuzz.h"

namespace waxwing::fuzz {

void broken(const char* condition, const char* file, int line) {
#ifdef WAXWING_LIBFUZZER
  std::fprintf(stderr, "%s:%d: must hold, and does not: %s\n", file, line, condition);
  std::abort();
#else
  throw std::logic_error(std::string(file) + ":" + std::to_string(line) +
                         ": must hold, and does not: " + condition);
#endif
}

}  // namespace waxwing::fuzz
