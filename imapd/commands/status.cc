// STATUS: RFC 9051 §6.3.11.
#include "imapd/commands/commands.h"
#include "imapd/server.h"
#include "imapd/status_text.h"

namespace waxwing::imap {
namespace {

Result<std::pair<std::string, StatusItems>> status_arguments(Scanner& in) {
  TRY_VOID(in.space());
  TRY(auto wire, in.astring());
  TRY_VOID(in.space());
  TRY(const auto items, parse_status_items(in));
  TRY_VOID(in.end());
  return std::pair(std::move(wire), items);
}

}  // namespace

Task<Answer> status(Session& session, Command& command) {
  const auto arguments = status_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return answer_for(name.error());
  if (arguments->second.highest_modseq) session.enable_condstore();
  auto work = [&]() -> Result<store::Status> {
    auto& store = session.server().store();
    if (!name->is_inbox()) return store.status(*name);
    TRY(const auto entry, store.find_or_create(*name));
    return store.status(entry);
  };
  auto found = co_await session.on_worker(work);
  if (!found) co_return answer_for(found.error());
  session.untagged("STATUS " + session.name_on_wire(name->folder) + " " +
                   status_text(*found, arguments->second));
  co_return Answer::ok("STATUS completed");
}

}  // namespace waxwing::imap
