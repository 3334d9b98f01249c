// Delivery status notifications: RFC 3461 (when), 3464 (form), 6533 (with UTF-8 addresses).
//
// Pure text: what has happened in, the bytes of a multipart/report out. The original message is not in it: it
// is streamed by the caller between head and tail.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mta/notify/templates.h"
#include "mta/queue/envelope.h"

namespace waxwing::mta::notify {

enum class Action { failed, timed_out, delayed, delivered, relayed };
const char* action_word(Action action);  // of the Action: field

struct Outcome {
  const queue::Recipient* recipient = nullptr;
  Action action = Action::failed;
  std::string text;        // "5.1.1 550 no such user"; its first word is the status
  std::string remote_mta;  // who said it; may be empty
  bool demanded = false;   // by DELIVERBY, whatever NOTIFY says
};

struct Notice {
  const queue::Envelope* envelope = nullptr;
  std::vector<Outcome> outcomes;     // all of one family: failed with timed_out, delivered with relayed
  std::string original_header;       // header block of the message, with its empty line
  bool full_content = false;         // the whole message is to follow, not its header only
  std::int64_t sample_lines = 0;     // lines of the body that follow the header, when not all of it does
  std::string to;                    // whom it is for
  std::string reporting_mta;         // our host name
  std::string postmaster, personal;  // From:
  bool use_intermediate = false;     // tell the address between the original and the final one
  bool suppress_final = false;       // do not tell the address behind an alias
  bool tell_attempts = true;
  bool decode_words = false;  // encoded words of the message's fields, in the text (RFC 2047)
  std::int64_t now_ms = 0;
  std::int64_t return_at_ms = 0;      // delayed: until when it is tried
  std::int64_t unit_seconds = 86400;  // of the notices keyword
};

struct NoticeText {
  std::string head;  // up to where the original's bytes (header or all) follow
  std::string tail;
  bool utf8 = false;  // needs SMTPUTF8
};
NoticeText make_notice(const Notice& notice, const Templates& templates, std::string_view boundary);

// "5.1.1" of "5.1.1 550 no such user"; fallback when the text has no status of the fallback's class.
std::string status_of(std::string_view text, std::string_view fallback);

}  // namespace waxwing::mta::notify
