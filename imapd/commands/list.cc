// LIST, LSUB, NAMESPACE: RFC 9051 §6.3.9, §6.3.10; RFC 3501 §6.3.9; LIST-STATUS RFC 5819.
#include "common/base/time.h"
#include "imapd/commands/commands.h"
#include "imapd/list_tree.h"
#include "imapd/parse/mailbox_name.h"
#include "imapd/server.h"
#include "imapd/status_text.h"

namespace waxwing::imap {
namespace {

constexpr std::int64_t kStepMs = 50;            // what a search may keep a worker for
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

Result<std::vector<NamePattern>> full_patterns(const ListArguments& arguments, bool utf8) {
  std::vector<NamePattern> patterns;
  std::size_t bytes = 0;
  for (const auto& pattern : arguments.patterns) {
    bytes += arguments.reference.size() + pattern.size();
    if (bytes > kMaxPatternBytes) return permanent("the patterns are too long");
    TRY(const auto full, mailbox_pattern(arguments.reference + pattern, utf8));
    patterns.emplace_back(full);
  }
  return patterns;
}

// Makes the tree of the user's mailboxes and searches it, a step at a time. search: bool(tree, found,
// until_ms).
template <class Search>
Task<Result<std::vector<ListTree::Row>>> search_tree(Session& session, Names& names, Search search) {
  std::optional<ListTree> tree;
  auto work = [&]() -> Result<> {
    TRY(names, read_names(session));
    tree.emplace(names.entries, names.subscriptions);
    return {};
  };
  auto made = co_await session.on_worker(work);
  CO_TRY_VOID(made);
  ListTree::Found found;
  for (bool done = false; !done;) {
    auto step = [&] { return search(*tree, found, monotonic_ms() + kStepMs); };
    done = co_await session.on_worker(step);
  }
  co_return std::move(found.rows);
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
  Names names;  // the rows point into it
  auto search = [&](const ListTree& tree, ListTree::Found& found, std::int64_t until_ms) {
    return tree.list(*arguments, *patterns, session.rev2(), found, until_ms);
  };
  auto rows = co_await search_tree(session, names, search);
  if (!rows) co_return answer_for(rows.error());
  co_await tell_rows(session, *rows, arguments->return_status);
  co_return Answer::ok("LIST completed");
}

Task<Answer> lsub(Session& session, Command& command) {
  const auto arguments = lsub_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto pattern = mailbox_pattern(*arguments, session.rev2());
  if (!pattern) co_return Answer::no("[CANNOT] " + one_line(pattern.error().text));
  Names names;
  const NamePattern ready(*pattern);
  auto search = [&](const ListTree& tree, ListTree::Found& found, std::int64_t until_ms) {
    return tree.lsub(ready, found, until_ms);
  };
  auto rows = co_await search_tree(session, names, search);
  if (!rows) co_return answer_for(rows.error());
  for (const auto& row : *rows) {
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
