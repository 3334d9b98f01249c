// What a step of a submission answers, and the parameters an envelope carries, in SMTP's own terms.
#pragma once

#include <cstdint>
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
};

struct RecipientOptions {
  std::string notify;    // "NEVER" or a comma list of SUCCESS,FAILURE,DELAY; "": default
  std::string original;  // ORCPT "type;address", decoded
};

}  // namespace waxwing::mta
