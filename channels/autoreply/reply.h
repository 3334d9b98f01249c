// The automatic reply itself: whether one is due, and its text. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/directory/types.h"
#include "common/mail/header.h"

namespace waxwing::channels {

// Why a message gets no automatic reply (RFC 3834 §2, RFC 5230 §4.5 and §4.6); empty: it gets one.
//   the null sender, a program's or list's address, the user's own · Auto-Submitted: other than no, reports · List-* fields,
//   Precedence: bulk, list or junk · none of the user's addresses in To, Cc or Bcc and their Resent- kin
std::string reason_for_silence(const directory::User& user, std::string_view sender,
                               const mail::HeaderBlock& header);

struct ReplyTask {
  const directory::User& user;
  std::string_view sender;  // gets the reply
  std::string_view host;    // for Message-ID
  const mail::HeaderBlock& header;
  std::int64_t now_seconds = 0;
};
// A whole message, CRLF lines. mailAutoReplyTextInternal is for senders of the user's domain; $ begins a new line and
// $SUBJECT is the subject. mailAutoReplyMode echo sends the header of the message back, behind the text.
std::string make_reply(const ReplyTask& task);
// Its subject and its words alone, UTF-8; no words: the user has none for this sender.
std::string reply_subject(const ReplyTask& task);
std::string reply_words(const ReplyTask& task);

// mailAutoReplyMode echo: with it the user agrees to disposition notifications too.
bool is_echo(const directory::User& user);

}  // namespace waxwing::channels
