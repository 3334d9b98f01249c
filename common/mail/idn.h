// Domain names in all scripts (RFC 5890 and 5891, by UTS #46 without its transitional forms). Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace waxwing::mail {

// "xn--bcher-kva.example" of "Bücher.example": what DNS, the directory and rules have. A name of ASCII alone, or an
// address literal, comes back as it is. Nothing when this is no domain name: wrong UTF-8, characters or joins that
// RFC 5892 and 5893 forbid, a label above 63 octets.
std::optional<std::string> to_a_labels(std::string_view domain);

// An address with its domain as A-labels; as it is when that is no domain name.
std::string with_a_labels(std::string_view address);

}  // namespace waxwing::mail
