// SMTP and LMTP command lines (RFC 5321, RFC 2033): pure functions, shared by smtpd and lmtpd.
//
// A refusal is the Verdict to send. Nothing here allocates beyond the values it answers. Thread-safe.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "mta/protocol/verdict.h"

namespace waxwing::mta::protocol {

enum class Verb {
  ehlo,
  helo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  help,
  vrfy,
  expn,
  starttls,
  auth,
  quit,
  etrn,
  burl,
  xclient,
  unknown
};

struct Command {
  Verb verb = Verb::unknown;
  std::string_view name;      // as typed
  std::string_view argument;  // blanks at both ends removed
};
// line without its end. Verbs are case-blind; a verb ends at the first blank.
Command parse_command(std::string_view line);

// The first line of an HTTP request. Behind it a web page may have put SMTP commands: the connection must
// end, or a browser on an inner host speaks with that host's rights.
bool is_http_request(std::string_view line);

struct MailRules {
  bool extended = true;  // EHLO was said: parameters are allowed
  bool size = true, body = true, binary = true, smtputf8 = true, dsn = true;
  bool auth = false;                // AUTH= is offered (it is taken and ignored otherwise: RFC 4954 §5)
  std::uint64_t size_limit = 0;     // bytes; 0: none; SIZE= above it is 552 5.3.4
  bool loose_brackets = false;      // MAIL FROM:a@b without <>
  std::int64_t longest_hold_s = 0;  // HOLDFOR=, HOLDUNTIL= up to that many seconds ahead; 0: not offered
  std::int64_t shortest_by_s =
      -1;  // BY= with at least that many seconds where it asks for a return; -1: not offered
  bool require_tls = false;  // REQUIRETLS: the session is over TLS
  bool mt_priority = false;  // MT-PRIORITY=
  std::int64_t now_ms = 0;   // wall time, where HOLDFOR, HOLDUNTIL or BY is offered
};

struct MailCommand {
  std::string address;  // "" for <>; local part quoted where needed
  SenderOptions options;
};
// argument of MAIL: "FROM:<a@b> SIZE=100 ...".
std::expected<MailCommand, Verdict> parse_mail(std::string_view argument, const MailRules& rules);

struct RcptRules {
  bool extended = true;
  bool dsn = true;
  bool smtputf8 = false;  // this transaction was begun with SMTPUTF8
  bool loose_brackets = false;
};
struct RcptCommand {
  std::string address;
  RecipientOptions options;
};
std::expected<RcptCommand, Verdict> parse_rcpt(std::string_view argument, const RcptRules& rules);

struct BdatCommand {
  std::uint64_t size = 0;
  bool last = false;
};
std::expected<BdatCommand, Verdict> parse_bdat(std::string_view argument);

struct BurlCommand {
  std::string_view url;  // whatever stands there
  bool last = false;
};
// RFC 4468 §3.5.
std::expected<BurlCommand, Verdict> parse_burl(std::string_view argument);

// The name after EHLO, HELO, LHLO: a domain or literal; lenient to what clients really send (underscores,
// bare words) but never blanks, control bytes or more than max_bytes.
std::expected<std::string, Verdict> parse_hello(std::string_view argument, std::size_t max_bytes = 255);

}  // namespace waxwing::mta::protocol
