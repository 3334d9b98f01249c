// "* 12 FETCH (UID 7 FLAGS (\Seen) MODSEQ (99))": the answers that tell flags and nothing else.
#pragma once

#include <string>

#include "imapd/session.h"

namespace waxwing::imap {

struct FlagsLine {
  bool uid = false, flags = false, modseq = false;
};
// With CRLF. The session has a mailbox selected.
std::string flags_line(Session& session, std::uint32_t sequence, const store::MessageInfo& message,
                       FlagsLine what);

}  // namespace waxwing::imap
