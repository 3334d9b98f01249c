// How a command ends: the tagged answer, with its response code where one is due (RFC 9051 §7.1, RFC 5530).
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::imap {

struct Answer {
  enum class Kind { ok, no, bad };
  Kind kind = Kind::ok;
  std::string text;  // "[CODE] words", one line

  static Answer ok(std::string text) { return {Kind::ok, std::move(text)}; }
  static Answer no(std::string text) { return {Kind::no, std::move(text)}; }
  static Answer bad(std::string text) { return {Kind::bad, std::move(text)}; }
};

// What the store or the directory could not do, as the client should hear it: NO with the code of RFC 5530
// that fits. A bug's text stays in the log.
Answer answer_for(const Error& error);
// The same where a missing mailbox is a target (APPEND, COPY, MOVE): [TRYCREATE].
Answer answer_for_target(const Error& error);
// A syntax error: BAD with the parser's words.
Answer bad_syntax(const Error& error);

// The untagged or tagged line's text must never break the line: control bytes become '?'.
std::string one_line(std::string_view text);

}  // namespace waxwing::imap
