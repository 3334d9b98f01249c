// LIST, LSUB, NAMESPACE: RFC 9051 §6.3.9, §6.3.10; RFC 3501 §6.3.9; LIST-STATUS RFC 5819.
#include "imapd/commands/commands.h"
#include "imapd/list_tree.h"
#include "imapd/parse/mailbox_name.h"
#include "imapd/server.h"
#include "imapd/status_text.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kMaxPatternBytes = 4096;  // all of one command together; a name has at most 1000

struct Names {
  std::vector<store::MailboxEntry> entries;
  std::vector<store::MailboxName> subscriptions;
};

// On a worker.
Result<Names> read_names(Session& session) {
  auto& store = session.server().store();
  Names names;
  TRY(names.entries, store.list(session.account().user));
  TRY(names.subscriptions, store.subscriptions(session.account().user));
  return names;
}

Result<std::vector<std::string>> full_patterns(const ListArguments& arguments, bool utf8) {
  std::vector<std::string> patterns;
  std::size_t bytes = 0;
  for (const auto& pattern : arguments.patterns) {
    bytes += arguments.reference.size() + pattern.size();
    if (bytes > kMaxPatternBytes) return permanent("the patterns are too long");
    TRY(auto full, mailbox_pattern(arguments.reference + pattern, utf8));
    patterns.push_back(std::move(full));
  }
  return patterns;
}

// Status of the mailboxes listed; one that has just gone is left out.
Task<void> tell_status(Session& session, const ListTree::Row& row, const StatusItems& items) {
  auto work = [&]() -> Result<store::Status> {
    auto& store = session.server().store();
    if (row.entry) return store.status(*row.entry);
    TRY(const auto name, store::MailboxName::make(session.account().user, row.folder));
    TRY(const auto entry, store.find_or_create(name));
    return store.status(entry);
  };
  auto status = co_await session.on_worker(work);
  if (status)
    session.untagged("STATUS " + session.name_on_wire(row.folder) + " " + status_text(*status, items));
}

Task<bool> tell_rows(Session& session, const std::vector<ListTree::Row>& rows,
                     const std::optional<StatusItems>& items) {
  for (const auto& row : rows) {
    session.untagged("LIST (" + row.attributes + ") \"/\" " + session.name_on_wire(row.folder) +
                     (row.child_info ? " (\"CHILDINFO\" (\"SUBSCRIBED\"))" : ""));
    const bool exists = row.entry || row.folder == "INBOX";
    if (items && exists) co_await tell_status(session, row, *items);
    const bool goes_on = co_await session.breathe();
    if (!goes_on) co_return false;
  }
  co_return true;
}

Result<ListArguments> list_arguments(Scanner& in) {
  TRY_VOID(in.space());
  return parse_list(in);
}

Result<std::string> lsub_arguments(Scanner& in) {
  TRY_VOID(in.space());
  TRY(const auto reference, in.astring());
  TRY_VOID(in.space());
  TRY(const auto pattern, in.list_mailbox());
  TRY_VOID(in.end());
  if (reference.size() + pattern.size() > kMaxPatternBytes) return permanent("the pattern is too long");
  return reference + pattern;
}

}  // namespace

Task<Answer> list(Session& session, Command& command) {
  const auto arguments = list_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  // An empty pattern asks for the separator only.
  if (!arguments->extended && arguments->patterns.front().empty()) {
    session.untagged("LIST (\\Noselect) \"/\" \"\"");
    co_return Answer::ok("LIST completed");
  }
  const auto patterns = full_patterns(*arguments, session.rev2());
  if (!patterns) co_return Answer::no("[CANNOT] " + one_line(patterns.error().text));
  if (arguments->return_status && arguments->return_status->highest_modseq) session.enable_condstore();
  auto work = [&] { return read_names(session); };
  auto names = co_await session.on_worker(work);
  if (!names) co_return answer_for(names.error());
  const ListTree tree(names->entries, names->subscriptions);
  // Long patterns and many mailboxes take their time.
  auto match = [&] { return tree.list(*arguments, *patterns, session.rev2()); };
  const auto rows = co_await session.on_worker(match);
  co_await tell_rows(session, rows, arguments->return_status);
  co_return Answer::ok("LIST completed");
}

Task<Answer> lsub(Session& session, Command& command) {
  const auto arguments = lsub_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto pattern = mailbox_pattern(*arguments, session.rev2());
  if (!pattern) co_return Answer::no("[CANNOT] " + one_line(pattern.error().text));
  auto work = [&] { return read_names(session); };
  auto names = co_await session.on_worker(work);
  if (!names) co_return answer_for(names.error());
  const ListTree tree(names->entries, names->subscriptions);
  auto match = [&] { return tree.lsub(*pattern); };
  const auto rows = co_await session.on_worker(match);
  for (const auto& row : rows) {
    session.untagged("LSUB (" + row.attributes + ") \"/\" " + session.name_on_wire(row.folder));
    const bool goes_on = co_await session.breathe();
    if (!goes_on) break;
  }
  co_return Answer::ok("LSUB completed");
}

// Personal mailboxes only; those of others and shared ones are not offered.
Task<Answer> name_space(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  session.untagged("NAMESPACE ((\"\" \"/\")) NIL NIL");
  co_return Answer::ok("NAMESPACE completed");
}

}  // namespace waxwing::imap
