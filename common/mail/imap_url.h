// IMAP URLs of messages and their parts (RFC 5092), with authorization (RFC 4467):
//
//   imap://ann@imap.example.com/Drafts;UIDVALIDITY=7/;UID=12/;SECTION=1.2;EXPIRE=2026-11-23T00:00:00Z;
//     URLAUTH=submit+ann:internal:91354a47...
//
// Strict: no blanks, no controls, no bytes beyond ASCII, escaped or not, but for UTF-8 in names. What names a server,
// a mailbox or a search only is refused: there is nothing to fetch. Pure functions, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::mail {

struct ImapUrl {
  std::string user;  // whose mailbox; empty: not said
  std::string host;  // lower case; an IPv6 address without its brackets
  int port = 143;
  std::string mailbox;  // UTF-8, levels as the server writes them
  std::optional<std::uint32_t> uidvalidity;
  std::uint32_t uid = 0;
  std::string section;  // what stands between the brackets of BODY[...]; empty: the whole message
  struct Partial {
    std::uint32_t offset = 0;
    std::optional<std::uint32_t> count;  // nothing: to the end
  };
  std::optional<Partial> partial;

  // Who may fetch it: none says that the URL has no URLAUTH.
  enum class Access { none, submit, user, authuser, anonymous };
  Access access = Access::none;
  std::string access_user;              // of submit and user
  std::optional<std::int64_t> expires;  // UTC seconds
  std::string mechanism;                // upper case; empty: not signed yet
  std::string token;                    // as it stands there: hexadecimal digits
  std::string_view signed_part(std::string_view url) const { return url.substr(0, signed_bytes); }
  std::size_t signed_bytes = 0;  // of the URL, up to and with the access identifier: what the token is about
};

inline constexpr std::size_t kMostUrlBytes = 8192;

// Permanent error: what is wrong, without the URL.
Result<ImapUrl> parse_imap_url(std::string_view url);

}  // namespace waxwing::mail
