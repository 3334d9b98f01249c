// authrewrite: what it does to a message that its sender has authenticated.
//
//   1  Sender: (Resent-Sender: of a message that was resent) says who has logged in, unless From: says it already
//   2  the same, always Sender:
//   3  the mapping AUTH_REWRITE decides, of Sender: or Resent-Sender:
//   4  the same, always Sender:
// Probe: envelope From|Sender:|From:|address of the authenticated sender. Arguments stand in the answer in this order,
// with | between: $J new envelope From, $K new Sender:, $I new From:, $N text of the refusal. mappings(5).
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "common/mail/header.h"
#include "mta/address/context.h"
#include "mta/protocol/verdict.h"

namespace waxwing::mta {

struct AuthRewriting {
  std::string envelope_from;  // empty: stays
  // Fields that take the place of those with the same name; empty: stay.
  std::string sender_name, sender;
  std::string from_name, from;
};

// sender: the envelope From. auth_sender: empty does nothing. The error is would-block, or the directory's.
Result<std::expected<AuthRewriting, Verdict>> auth_rewrite(const Lookup& lookup, const Channel& source,
                                                           std::string_view sender,
                                                           std::string_view auth_sender,
                                                           const mail::HeaderBlock& header);

}  // namespace waxwing::mta
