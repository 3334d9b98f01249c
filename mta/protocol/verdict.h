// What a step of a submission answers, and the parameters an envelope carries, in SMTP's own terms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace waxwing::mta {

// An SMTP reply: code, RFC 3463 status, text. text may hold several lines separated by '\n'.
struct Verdict {
  int code = 250;
  std::string status = "2.0.0";
  std::string text = "Ok";
  bool drop_connection = false;  // the session should end after this reply (421, policy)

  bool ok() const { return code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
};

struct SenderOptions {
  std::uint64_t size_bytes = 0;  // SIZE=; 0: not said
  bool body_8bit = false;        // BODY=8BITMIME
  bool body_binary = false;      // BODY=BINARYMIME
  bool smtputf8 = false;
  std::string envelope_id;  // ENVID, decoded
  std::string ret;          // "FULL", "HDRS" or ""
  std::string auth;         // AUTH= value, decoded; "<>" for none
  // FUTURERELEASE (RFC 4865): wall time before which it is not to leave, and the request as it was made, in the
  // form of the DSN field ("for;3600"). 0: now.
  std::int64_t hold_until_ms = 0;
  std::string future_release;
  // DELIVERBY (RFC 2852): wall time by which it should be delivered; 0: none. After it the message is returned, or
  // (by_returns false) its sender is told that it is late. by_trace: a notification from every host on its way.
  std::int64_t deliver_by_ms = 0;
  bool by_returns = false, by_trace = false;
  std::optional<int> mt_priority;  // RFC 6710, -9 to 9
  bool require_tls = false;        // RFC 8689
};

struct RecipientOptions {
  std::string notify;        // "NEVER" or a comma list of SUCCESS,FAILURE,DELAY; "": default
  std::string original;      // ORCPT "type;address", decoded
  bool no_vacation = false;  // no automatic replies
};

}  // namespace waxwing::mta
