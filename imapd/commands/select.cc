// SELECT, EXAMINE, CLOSE, UNSELECT: RFC 9051 §6.3.2, §6.3.3, §6.4.1, §6.4.2; CONDSTORE RFC 7162 §3.1.2;
// MAILBOXID RFC 8474 §4.2.
#include "imapd/commands/commands.h"
#include "imapd/parse/arguments.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

Result<std::pair<std::string, SelectOptions>> select_arguments(Scanner& in) {
  TRY_VOID(in.space());
  TRY(auto wire, in.astring());
  TRY(auto options, parse_select_options(in));
  TRY_VOID(in.end());
  return std::pair(std::move(wire), options);
}

// On a worker: INBOX is there for everybody who may log in.
Result<std::unique_ptr<Selected>> open_selected(store::Store& store, const store::MailboxName& name,
                                                bool read_only) {
  auto selected = std::make_unique<Selected>();
  selected->name = name;
  selected->read_only = read_only;
  if (name.is_inbox()) {
    TRY(const auto entry, store.find_or_create(name));
    TRY(selected->mailbox, store.open_mailbox(entry));
  } else {
    TRY(selected->mailbox, store.open_mailbox(name));
  }
  TRY(selected->view, selected->mailbox->view(!read_only));
  selected->keywords = selected->mailbox->keywords();
  return selected;
}

void describe(Session& session, const Selected& selected) {
  const auto& view = *selected.view;
  const auto number = [](auto n) { return std::to_string(n); };
  session.untagged("FLAGS " + selected.known_flags(false));
  session.untagged("OK [PERMANENTFLAGS " + (selected.read_only ? "()" : selected.known_flags(true)) +
                   "] Flags that are kept");
  session.untagged(number(view.exists()) + " EXISTS");
  if (session.rev2()) {
    session.untagged("LIST () \"/\" " + session.name_on_wire(selected.name.folder));
  } else {
    session.untagged(number(view.recent()) + " RECENT");
    if (const auto unseen = view.first_unseen())
      session.untagged("OK [UNSEEN " + number(unseen) + "] First unseen message");
  }
  session.untagged("OK [UIDVALIDITY " + number(view.uidvalidity()) + "] UIDs are valid");
  session.untagged("OK [UIDNEXT " + number(view.uidnext()) + "] Predicted next UID");
  session.untagged("OK [HIGHESTMODSEQ " + number(view.highestmodseq()) + "] Highest mod-sequence");
  session.untagged("OK [MAILBOXID (" + selected.mailbox->entry().id + ")] Identity of the mailbox");
}

Task<Answer> open_mailbox(Session& session, Command& command, bool read_only) {
  const auto arguments = select_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  // The old mailbox is closed even when the new one cannot be opened: RFC 9051 §6.3.2.
  session.deselect(true);
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return answer_for(name.error());
  auto work = [&] { return open_selected(session.server().store(), *name, read_only); };
  auto opened = co_await session.on_worker(work);
  if (!opened) co_return answer_for(opened.error());
  if (arguments->second.condstore) session.enable_condstore();
  describe(session, **opened);
  session.select(std::move(*opened));
  co_return Answer::ok(read_only ? "[READ-ONLY] EXAMINE completed" : "[READ-WRITE] SELECT completed");
}

}  // namespace

Task<Answer> select(Session& session, Command& command) {
  return open_mailbox(session, command, false);
}
Task<Answer> examine(Session& session, Command& command) {
  return open_mailbox(session, command, true);
}

// Expunges in silence, unless read-only.
Task<Answer> close(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  auto& selected = *session.selected();
  if (!selected.read_only) {
    const store::UidSet all = {{1, UINT32_MAX}};
    auto work = [&] { return selected.mailbox->expunge(all, true); };
    auto expunged = co_await session.on_writer(work);
    if (!expunged) co_return answer_for(expunged.error());
  }
  session.deselect(false);
  co_return Answer::ok("CLOSE completed");
}

Task<Answer> unselect(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  session.deselect(false);
  co_return Answer::ok("UNSELECT completed");
}

}  // namespace waxwing::imap
