// The value of Message-Hash: (generatemessagehash): by it the same message is known again on another way.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::mta::form {

// "sha256:<hex>" of From, Date, Subject and Message-ID, unfolded, and the body.
std::string message_hash(std::string_view header, std::string_view body);

}  // namespace waxwing::mta::form
