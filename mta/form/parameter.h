// A parameter of Content-Type: or Content-Disposition: as it is written.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::mta::form {

// "; name=value": a token as it is, else quoted; RFC 2231-encoded UTF-8 when it is not ASCII.
std::string format_parameter(std::string_view name, std::string_view utf8_value);

}  // namespace waxwing::mta::form
