#include "mta/config/channel_name.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::mta {

bool is_channel_name(std::string_view name) {
  return !name.empty() && name.size() <= 32 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '$' || c == '-';
  });
}

}  // namespace waxwing::mta
