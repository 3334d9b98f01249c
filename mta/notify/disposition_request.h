// What a message says about disposition notifications (RFC 8098 §2): whether its sender asks for one, whether a program
// may answer that, whether the message is such a notification itself. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "common/mail/header.h"

namespace waxwing::mta::notify {

// multipart/report of a disposition or delivery (not of abuse or of TLS, whose senders want to hear): nothing may answer it, neither a notification nor a person's
// vacation (RFC 8098 §2.1, RFC 3834 §2).
bool is_report(const mail::HeaderBlock& header);
// RFC 3834 §5: sent by a program, which reads no warnings; reports are too, with or without Auto-Submitted:.
bool is_automatic(const mail::HeaderBlock& header);

// A Disposition-Notification-To: field is there.
bool asks_for_disposition(const mail::HeaderBlock& header);

struct DispositionRequest {
  std::string to;       // whom an automatic notification goes to; "" none may be sent
  std::string why_not;  // then, for the log: "the message asks for none"
};
// RFC 8098 §2.1 and §2.2 for a program that can ask nobody: one address, the same as the envelope From (local part by
// case, domain not), nothing required that is not understood, and no report, list mail or bulk mail. A loop or a
// bombardment of somebody else can then not come of it.
DispositionRequest automatic_request(const mail::HeaderBlock& header, std::string_view envelope_from);

}  // namespace waxwing::mta::notify
