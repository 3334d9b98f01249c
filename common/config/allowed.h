// Which values an option takes: common/config/options/allowed.inc.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "common/config/config.h"

namespace waxwing {

struct AllowedValues {
  std::string_view name;
  std::string_view allowed;  // "1..1000", "0..", or words
};
std::span<const AllowedValues> allowed_values();
// Empty when the type says all.
std::string_view allowed_of(const OptionSpec& spec);
// The same in words: "1 to 1000", "one of never local always".
std::string allowed_words(const OptionSpec& spec);

}  // namespace waxwing
