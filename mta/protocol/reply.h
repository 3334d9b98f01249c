// SMTP replies (RFC 5321 §4.2, RFC 2034): writing them as a server, reading them as a client.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "mta/protocol/verdict.h"

namespace waxwing::mta::protocol {

// All lines with CRLF. The status code is left out where it is empty (greeting, EHLO, 354). Control bytes in
// the text become '?': nothing a peer sent can start a reply line of its own.
std::string format_reply(const Verdict& verdict);

// Collects the lines of one reply.
class ReplyReader {
 public:
  // line without CRLF. true: the reply is whole. Permanent error when that is no SMTP reply, when the code
  // changes in its middle, or when it is longer than max_bytes.
  Result<bool> feed(std::string_view line, std::size_t max_bytes = 64 * 1024);
  // The whole reply: status taken from the text when it is there and fits the code, else x.0.0.
  Verdict take();
  const std::string& text() const { return text_; }  // lines after the code, separated by '\n'

 private:
  int code_ = 0;
  std::string text_;
  bool done_ = false;
};

// "5.1.1" at the start of text (RFC 3463), or "".
std::string_view leading_status(std::string_view text);

}  // namespace waxwing::mta::protocol
