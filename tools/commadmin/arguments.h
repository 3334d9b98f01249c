// The command line of commadmin: object, action, and options that may repeat.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::commadmin {

struct Arguments {
  std::string object;                                       // user, domain, group
  std::string action;                                       // create, modify, delete, search
  std::map<std::string, std::vector<std::string>> options;  // by long name without --; flags hold ""

  bool has(const std::string& name) const { return options.contains(name); }
  // Last value given; empty when absent.
  std::string get(const std::string& name) const;
  const std::vector<std::string>& all(const std::string& name) const;
  // Permanent error that names the option when it is absent.
  Result<std::string> need(const std::string& name) const;
  Result<std::int64_t> number(const std::string& name, std::int64_t fallback) const;
};

// Permanent error for what is unknown, with what there is.
Result<Arguments> parse_arguments(const std::vector<std::string>& words);
std::string usage();

// A pattern with exactly one %d, %0Nd or none of them: user%04d. Permanent error for anything else.
Result<std::string> fill_pattern(std::string_view pattern, std::int64_t number);

// "100M", "2G", "512k", "-1": bytes.
Result<std::string> parse_size(std::string_view text);

}  // namespace waxwing::commadmin
