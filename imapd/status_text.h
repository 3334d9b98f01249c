// The list in a STATUS answer: RFC 9051 §7.3.4.
#pragma once

#include <string>

#include "imapd/parse/arguments.h"
#include "store/store.h"

namespace waxwing::imap {

// "(MESSAGES 17 UNSEEN 3)"
std::string status_text(const store::Status& status, const StatusItems& items);

}  // namespace waxwing::imap
