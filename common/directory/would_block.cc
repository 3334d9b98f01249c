#include "common/directory/would_block.h"

#include "common/directory/directory.h"

namespace waxwing::directory {

namespace {
constexpr std::string_view kWouldBlock = "the answer is not in the directory cache";
}  // namespace

Error would_block() {
  return {Fault::temporary, std::string(kWouldBlock)};
}

bool is_would_block(const Error& error) {
  return error.fault == Fault::temporary && error.text == kWouldBlock;
}

}  // namespace waxwing::directory
