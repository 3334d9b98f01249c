// What submission does to the header of a message: RFC 5321 §6, RFC 6409 §8, and the documented rewriting.
//
//   Return-Path:   removed (the last hop writes it)
//   Bcc:           removed from submissions
//   Subject:       tagged when an access table says so
//   Date:, Message-ID:, From:   added to submissions that lack them
//   no To:, Cc:, Bcc:           missingrecipientpolicy
//   authrewrite                 Sender: or From: in place of what the message says (auth_rewrite.h)
//   mail of a list              fields added and removed, Approved: removed
//   addresses of From:, Sender:, Reply-To:, To:, Cc: and their Resent- kin: rewritten, senders reversed
//
// Fields that need no change keep every byte. Pure but for the Lookup; the error is would-block or bug.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"
#include "mta/config/alias_list.h"
#include "mta/protocol/verdict.h"
#include "mta/queue/envelope.h"
#include "mta/submission/subject.h"

namespace waxwing::mta {

struct HeaderTask {
  std::string_view header;  // the block as it came, with its empty line when it has one
  const Channel* source = nullptr;
  bool submission = false;
  std::string_view remote_host;  // completes bare addresses; empty: the usual host does
  std::string_view auth_sender;  // address of the authenticated sender, for authrewrite
  bool smtputf8 = false;
  bool rewrite = true;           // false: internal sources, whose headers have been through this
  bool inner = false;            // of an inner message: its addresses are rewritten, nothing else
  std::string_view sender;       // envelope From, rewritten; for a missing From:
  std::string_view queue_id;     // for a missing Message-ID:
  std::string_view subject_tag;  // put in front of the subject, unless it is in there
  SubjectNumber subject_number;  // of a list that numbers its messages
  std::int64_t now_seconds = 0;
  const ListEffects* list = nullptr;                     // a list the message goes to, and nowhere else
  const std::vector<std::string>* recipients = nullptr;  // as given, for missingrecipientpolicy
};

struct HeaderOutcome {
  std::string text;  // fields and the empty line
  queue::Priority priority = queue::Priority::normal;
  std::int64_t deferred_until_ms =
      0;                   // Deferred-delivery: (RFC 2156 §5.3.14); 0: none, or one nobody understands
  int received = 0;        // Received: fields that were there
  int received_here = 0;   // of these, written by this host
  int mr_received = 0;     // MR-Received: fields
  bool mime = false;       // has MIME-Version:
  int sensitivity = 0;     // Sensitivity: (RFC 2156 §5.3.4): normal, personal, private, company-confidential
  std::string partial_id;  // id of a message/partial (RFC 2046 §5.2.2); empty: it is none
  bool receipt_asked = false;  // Return-Receipt-To: or Delivery-Receipt-To:
  std::string new_sender;  // envelope From that AUTH_REWRITE puts in the place of the message's; empty: none
  bool plain_text = true;  // the body is text/plain that stands there as it is: lines may be put around it
};

using HeaderResult = std::expected<HeaderOutcome, Verdict>;
Result<HeaderResult> process_header(const Lookup& lookup, const HeaderTask& task);

}  // namespace waxwing::mta
