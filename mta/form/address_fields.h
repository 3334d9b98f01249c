// The header fields that hold addresses of who wrote a message and whom it is for (RFC 5322 §3.6.2, §3.6.3, §3.6.6).
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

#include "common/base/strings.h"

namespace waxwing::mta::form {

inline constexpr std::array<std::string_view, 12> kAddressFields = {
    "From",        "Sender",        "Reply-To",        "To",        "Cc",        "Bcc",
    "Resent-From", "Resent-Sender", "Resent-Reply-To", "Resent-To", "Resent-Cc", "Resent-Bcc"};

template <class Names>
bool is_among(std::string_view name, const Names& names) {
  return std::ranges::any_of(names, [&](std::string_view each) { return iequals(each, name); });
}

}  // namespace waxwing::mta::form
