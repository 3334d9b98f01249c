// From a recipient address to a mailbox: who it is, whether mail may come, which folder, which quota.
//
// The MTA that sends here has expanded aliases, groups and forwarding already: an address is looked up as a
// mailbox owner's, whatever delivery options the owner has. user+folder@domain goes to that folder when it is
// there, else to INBOX. user@domain where user is the uid rather than an address is found too.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "common/directory/directory.h"
#include "mta/protocol/verdict.h"
#include "store/delivery.h"

namespace waxwing::lmtp {

struct RecipientRules {
  std::string host;                 // this one: users whose mailHost is another are refused for now
  store::QuotaLimit default_quota;  // where the directory says nothing
};

using Resolution = std::expected<store::DeliveryTarget, mta::Verdict>;

// address: local@domain as parse_rcpt() gives it. The error is would-block only; a directory that is down is
// a 4xx Verdict. Thread-safe.
Result<Resolution> resolve_recipient(directory::Directory& directory, std::string_view address,
                                     const RecipientRules& rules, directory::Ask ask);

// RFC 2033's answer for one recipient after the message.
mta::Verdict verdict_of(const store::DeliveryResult& result);
// For the message as a whole: the disk has failed while it came.
mta::Verdict verdict_of(const Error& error);

}  // namespace waxwing::lmtp
