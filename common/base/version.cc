#include "common/base/version.h"

#include <version.inc>  // in the build folder

namespace waxwing {

std::string_view product_version() {
  return WAXWING_VERSION;
}

std::string build_text() {
  return WAXWING_VERSION " (commit " WAXWING_COMMIT ", built " WAXWING_BUILT ")";
}

}  // namespace waxwing
