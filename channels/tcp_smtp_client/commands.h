// What the client says and what it learns from the answers: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "mta/protocol/verdict.h"
#include "mta/queue/envelope.h"

namespace waxwing::channels::smtp {

struct PeerFeatures {
  bool pipelining = false, size = false, eightbit = false, binary = false, utf8 = false, dsn = false,
       chunking = false, starttls = false, auth_plain = false, etrn = false, deliverby = false,
       mt_priority = false,
       extended = false;  // it took EHLO
  std::uint64_t size_limit = 0;
};
// The lines of an EHLO answer after its code, separated by '\n'.
PeerFeatures parse_features(std::string_view ehlo_text);

// "5.1.1 550 no such user" for Work, from a reply; '\n' becomes a blank.
std::string reply_text(const mta::Verdict& reply);

// "MAIL FROM:<a@b> SIZE=.. BODY=.." with what the peer offers. body: "8BITMIME", "BINARYMIME" or "".
std::string mail_line(const mta::queue::Envelope& envelope, std::uint64_t size_bytes, std::string_view body,
                      const PeerFeatures& features, bool needs_utf8, std::int64_t now_ms);
// Why this peer may not have the message, with an RFC 3463 status; "" when it may. must_prioritize: the channel
// demands that a priority is passed on.
std::string missing_feature(const mta::queue::Envelope& envelope, const PeerFeatures& features,
                            bool must_prioritize);
// "RCPT TO:<a@b> NOTIFY=.. ORCPT=.."
std::string rcpt_line(const mta::queue::Recipient& recipient, const PeerFeatures& features,
                      bool remove_route);

}  // namespace waxwing::channels::smtp
