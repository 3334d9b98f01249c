// One message's answer, "* 12 FETCH (...)": written item by item into the output, small items straight from
// the mapped records, large contents streamed.
#pragma once

#include "imapd/fetch/batch.h"

namespace waxwing::imap {

// False: it could not be sent whole, or the client is gone; the connection has to end.
Task<bool> send_line(Session& session, const FetchPlan& plan, const Wanted& wanted, const Material& material);

// Whether every item of the plan can be written without waiting: then write_line() does it, on the loop.
bool is_at_hand(const Material& material);
void write_line(Session& session, const FetchPlan& plan, const Wanted& wanted, const Material& material);
// One content behind its name: a literal, streamed where it is large, or NIL. False as with send_line().
Task<bool> send_content(Session& session, const FetchItem& item, std::string_view name,
                        const FetchedMessage& fetched, const Content& content);

}  // namespace waxwing::imap
