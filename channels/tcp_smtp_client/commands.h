// What the client says and what it learns from the answers: pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/protocol/verdict.h"
#include "mta/queue/envelope.h"
#include "mta/transport/tcp_options.h"

namespace waxwing::channels::smtp {

struct PeerFeatures {
  bool pipelining = false, size = false, eightbit = false, binary = false, utf8 = false, dsn = false,
       chunking = false, starttls = false, etrn = false, deliverby = false, mt_priority = false,
       require_tls = false, auth_plain = false, auth_login = false, auth_external = false,
       extended = false;  // it took EHLO
  std::uint64_t size_limit = 0;
  // LIMITS (RFC 9422); 0: not said.
  std::uint64_t most_messages = 0, most_recipients = 0, most_domains = 0;
};
// How long a host that greylists wants to be left alone, in seconds, when that is what its answer says; 0 when it
// does not say how long.
std::optional<std::int64_t> greylisting_s(std::string_view reply_text);

// How long to wait for the answer to a message, in milliseconds: a week at most. blocks: of 1024 bytes.
std::int64_t answer_wait_ms(const mta::TcpOptions& options, std::int64_t recipients, std::int64_t blocks);

// The lines of an EHLO answer after its code, separated by '\n'.
PeerFeatures parse_features(std::string_view ehlo_text);

// "5.1.1 550 no such user" for Work, from a reply; '\n' becomes a blank.
std::string reply_text(const mta::Verdict& reply);

// "MAIL FROM:<a@b> SIZE=.. BODY=.." with what the peer offers. body: "8BITMIME", "BINARYMIME" or "".
std::string mail_line(const mta::queue::Envelope& envelope, std::uint64_t size_bytes, std::string_view body,
                      const PeerFeatures& features, bool needs_utf8, std::int64_t now_ms);
// " AUTH=..": who submitted the message, <> when nobody knows.
std::string auth_parameter(const mta::queue::Envelope& envelope);
// How many of the first recipients may go together: at most that many, at so many domains (0: any number).
std::size_t batch_size(const mta::queue::Envelope& envelope, const std::vector<std::size_t>& recipients,
                       std::size_t most, std::uint64_t most_domains);
// Why this peer may not have the message, with an RFC 3463 status; "" when it may. must_prioritize: the channel
// demands that a priority is passed on.
std::string missing_feature(const mta::queue::Envelope& envelope, const PeerFeatures& features,
                            bool must_prioritize);
// "RCPT TO:<a@b> NOTIFY=.. ORCPT=.."
std::string rcpt_line(const mta::queue::Recipient& recipient, const PeerFeatures& features,
                      bool remove_route);

}  // namespace waxwing::channels::smtp
