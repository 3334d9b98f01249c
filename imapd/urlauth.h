// How URLs are signed (URLAUTH, RFC 4467), mechanism INTERNAL: two hexadecimal digits that name the algorithm, "01",
// then HMAC-SHA-256 of the URL up to and with its access identifier, by the mailbox's access key.
//
// Pure functions. What is signed is the bytes as they were given: the same URL written in another way is another one.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::imap {

inline constexpr std::string_view kUrlMechanism = "INTERNAL";

std::string sign_url(std::string_view key, std::string_view signed_part);
// Takes as long for a wrong token as for the right one. Never true of an empty key.
bool is_signed(std::string_view key, std::string_view signed_part, std::string_view token);

}  // namespace waxwing::imap
