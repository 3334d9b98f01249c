// What this build is. The version stands in etc/version; commit and date come from etc/make/version.
#pragma once

#include <string>
#include <string_view>

namespace waxwing {

constexpr std::string_view kProduct = "Waxwing Messaging Server";

std::string_view product_version();  // "1.0"
// "1.0 (commit a5b2c75d6e, built 2026-11-22)"; the commit is "unknown" in a tree that does not tell, and ends
// in
// "-modified" where the tree had changes.
std::string build_text();

}  // namespace waxwing
