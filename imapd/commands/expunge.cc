// EXPUNGE: RFC 9051 §6.4.3; UID EXPUNGE: §6.4.9. The untagged answers come from the view's changes.
#include "imapd/commands/commands.h"

namespace waxwing::imap {
namespace {

Task<Answer> expunge_these(Session& session, const store::UidSet& uids, std::string_view done) {
  auto& selected = *session.selected();
  if (selected.read_only) co_return Answer::no("[NOPERM] The mailbox is open read-only");
  if (uids.empty()) co_return Answer::ok(std::string(done));
  auto work = [&] { return selected.mailbox->expunge(uids, true); };
  auto expunged = co_await session.on_writer(work);
  if (!expunged) co_return answer_for(expunged.error());
  co_await session.report_changes(true, false);
  std::string code;
  if (session.condstore()) code = "[HIGHESTMODSEQ " + std::to_string(selected.view->highestmodseq()) + "] ";
  co_return Answer::ok(code + std::string(done));
}

Result<SequenceSet> one_set(Scanner& in) {
  TRY_VOID(in.space());
  TRY(auto set, SequenceSet::parse(in));
  TRY_VOID(in.end());
  return set;
}

}  // namespace

Task<Answer> expunge(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  const store::UidSet all = {{1, UINT32_MAX}};
  auto answer = co_await expunge_these(session, all, "EXPUNGE completed");
  co_return answer;
}

Task<Answer> uid_expunge(Session& session, Command& command) {
  const auto set = one_set(command.arguments);
  if (!set) co_return bad_syntax(set.error());
  const auto sequences = session.selected()->sequences(*set, true);
  if (!sequences) co_return bad_syntax(sequences.error());
  const auto uids = session.selected()->uids(*sequences);
  auto answer = co_await expunge_these(session, uids, "UID EXPUNGE completed");
  co_return answer;
}

}  // namespace waxwing::imap
