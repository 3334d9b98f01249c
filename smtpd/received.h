// The Received: field smtpd writes: RFC 5321 §4.4, RFC 3848 and RFC 6531 §4.3 for the "with" words.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace waxwing::smtpd {

struct TraceFacts {
  std::string helo;       // as said; "" when nothing was
  std::string host_name;  // of the client by DNS; "" unknown
  std::string address;    // of the client, numeric
  std::string by;         // this host
  std::string software;   // in the comment after it
  std::string queue_id;
  std::string claimed_name;  // of the client by DNS, when it does not lead back to the address
  std::string ident;         // the user's name, by the client's ident service
  std::string sender;        // envelope From as it was given, when it is another now; "" leaves it out
  std::string recipient;     // for <...>; "" leaves it out
  std::string tls_protocol;  // "" without TLS
  std::string tls_cipher;
  int tls_bits = 0;
  std::optional<int> mt_priority;  // RFC 6710
  bool esmtp = false, authenticated = false, smtputf8 = false;
  bool show_name = true, show_address = true;  // identnonenumeric, identnonesymbolic
  std::int64_t now_seconds = 0;
};

// "SMTP", "ESMTP", "ESMTPSA", "UTF8SMTPS", ...
std::string with_protocol(const TraceFacts& facts);
// The whole field, folded, with CRLF. Nothing in it can begin a line of its own.
std::string received_field(const TraceFacts& facts);

}  // namespace waxwing::smtpd
