#include "common/base/space.h"

namespace waxwing {

bool is_no_space(const Error& error) {
  return error.text.find("No space left") != std::string::npos ||
         error.text.find("quota exceeded") != std::string::npos;
}

}  // namespace waxwing
