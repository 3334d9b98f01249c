// Header option files: what headertrim and headerread do to the fields of a header. See imta.cnf(5).
//
//   ! comment
//   Received: MAXIMUM=-1                    remove every one
//   Defaults: MAXCHARS=2000                 for all fields without a line of their own
//   X-Site: ADD="example.com"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/strings.h"

namespace waxwing::mta {

struct HeaderOption {
  std::int64_t maximum = INT64_MAX;    // MAXIMUM: how many lines of this name stay, the first ones; -1 is 0
  std::int64_t max_chars = INT64_MAX;  // MAXCHARS: a longer field goes
  std::int64_t max_lines = INT64_MAX;  // MAXLINES: a field of more physical lines goes
  std::string add;                     // ADD: one more field of this name
  std::string fill;                    // FILL: the same, when there is none
  std::string relabel;                 // RELABEL: its new name
};

struct HeaderOptions {
  std::map<std::string, HeaderOption, std::less<>> fields;  // lower case
  HeaderOption defaults;
  const HeaderOption& of(std::string_view name) const;
};

// Errors name origin, line and mend, and are appended.
HeaderOptions parse_header_options(std::string_view text, const std::string& origin,
                                   std::vector<std::string>& errors);

}  // namespace waxwing::mta
