// STORE and UID STORE: RFC 9051 §6.4.6, conditional STORE RFC 7162 §3.1.3.
#include <algorithm>

#include "imapd/commands/commands.h"
#include "imapd/message_line.h"
#include "imapd/parse/arguments.h"
#include "imapd/store_flags.h"

namespace waxwing::imap {
namespace {

struct Request {
  SequenceSet set;
  StoreArguments store;
};

Result<Request> store_arguments(Scanner& in) {
  Request request;
  TRY_VOID(in.space());
  TRY(request.set, SequenceSet::parse(in));
  TRY_VOID(in.space());
  TRY(request.store, parse_store(in));
  return request;
}

store::FlagChange change_of(const StoreArguments& arguments) {
  using How = store::FlagChange::How;
  store::FlagChange change;
  change.how = arguments.mode == StoreArguments::Mode::add      ? How::add
               : arguments.mode == StoreArguments::Mode::remove ? How::remove
                                                                : How::replace;
  change.flags = store_flags(arguments.flags.system);
  change.keywords = arguments.flags.keywords;
  change.unchanged_since = arguments.unchanged_since;
  return change;
}

bool in_set(const store::UidSet& set, std::uint32_t uid) {
  const auto after = std::ranges::upper_bound(set, uid, {}, &store::UidRange::first);
  return after != set.begin() && std::prev(after)->last >= uid;
}

// One FETCH a message, also for those whose flags are as they were: RFC 9051 §6.4.6. A conditional .SILENT
// still tells the new MODSEQ.
Task<void> tell_flags(Session& session, const Command& command, const Request& request,
                      const std::vector<Range>& sequences, const store::FlagResult& result) {
  auto& selected = *session.selected();
  const FlagsLine what{.uid = command.by_uid, .flags = !request.store.silent, .modseq = session.condstore()};
  if (!what.flags && !request.store.unchanged_since) co_return;
  for (const auto& range : sequences)
    for (auto n = range.first; n <= range.last; ++n) {
      const auto message = selected.view->message(n);
      if (in_set(result.modified, message.uid)) continue;
      if (!what.flags && !in_set(result.changed, message.uid)) continue;
      session.write(flags_line(session, n, message, what));
      const bool goes_on = co_await session.breathe();
      if (!goes_on) co_return;
    }
}

// "[MODIFIED 7,9] ", in numbers or UIDs as the command was.
std::string modified_code(Session& session, const Command& command, const store::UidSet& modified) {
  if (modified.empty()) return "";
  auto& view = *session.selected()->view;
  SetWriter set;
  for (const auto& range : modified)
    for (auto n = view.sequence_from(range.first); n <= view.exists() && view.uid(n) <= range.last; ++n)
      set.add(command.by_uid ? view.uid(n) : n);
  return set.empty() ? "" : "[MODIFIED " + set.take() + "] ";
}

}  // namespace

Task<Answer> store_command(Session& session, Command& command) {
  const auto request = store_arguments(command.arguments);
  if (!request) co_return bad_syntax(request.error());
  auto& selected = *session.selected();
  const auto sequences = selected.sequences(request->set, command.by_uid);
  if (!sequences) co_return bad_syntax(sequences.error());
  if (selected.read_only) co_return Answer::no("[NOPERM] The mailbox is open read-only");
  if (request->store.unchanged_since) session.enable_condstore();
  const auto uids = selected.uids(*sequences);
  if (uids.empty()) co_return Answer::ok("STORE completed");
  const auto change = change_of(request->store);
  auto work = [&] { return selected.mailbox->store_flags(uids, change); };
  auto result = co_await session.on_writer(work);
  if (!result) co_return answer_for(result.error());
  selected.view->leave_out(result->changed, result->modseq);
  // New keywords are announced before the answers that use them. Sequence numbers must stay until these are
  // out.
  co_await session.report_changes(false, command.by_uid);
  if (session.selected()) co_await tell_flags(session, command, *request, *sequences, *result);
  const auto modified = modified_code(session, command, result->modified);
  co_return Answer::ok(modified + "STORE completed");
}

}  // namespace waxwing::imap
