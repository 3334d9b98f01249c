// New content of a part as it stands in a message. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace waxwing::mta::form {

struct WireBody {
  std::string encoding;  // Content-Transfer-Encoding
  std::string bytes;
};

// text: lines of this system, which become CRLF lines. wanted: an encoding, "none" or "" for the plainest that will
// do; what the bytes do not fit is encoded all the same. boundaries: of the multiparts around: no line may be one.
WireBody wire_body(std::string content, bool text, std::string_view wanted,
                   const std::vector<std::string>& boundaries);

}  // namespace waxwing::mta::form
