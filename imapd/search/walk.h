// Who matches: the selected mailbox judged against a SEARCH program, for SEARCH, SORT and THREAD.
//
// The mailbox is walked in blocks, so that other sessions of the loop get their turn; what needs message text
// goes to a worker, a block at a time.
#pragma once

#include <functional>

#include "imapd/parse/search_key.h"
#include "imapd/session.h"

namespace waxwing::imap {

// Called on the loop, sequence numbers ascending.
using Found = std::function<void(std::uint32_t sequence, const store::MessageInfo& message)>;

// The answer of a search that cannot be made: a charset that nobody knows. Permanent error: [BADCHARSET].
// Fills in UTF-8 where the client named none.
Result<> settle_charset(SearchProgram& program);

// program, and what found refers to, must outlive the task.
Task<Result<>> search_selected(Session& session, const SearchProgram& program, const Found& found);

}  // namespace waxwing::imap
