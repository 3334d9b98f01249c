#include "t/fuzz/fuzz.h"

namespace waxwing::fuzz {

std::string_view Input::line() {
  const auto end = rest_.find('\n');
  const auto found = rest_.substr(0, end);
  rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  return found;
}

std::string_view Input::take(std::size_t count) {
  const auto found = rest_.substr(0, count);
  rest_.remove_prefix(found.size());
  return found;
}

std::uint64_t Input::number(std::size_t bytes) {
  std::uint64_t value = 0;
  for (const char c : take(bytes)) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace waxwing::fuzz
