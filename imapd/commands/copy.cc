// COPY, MOVE and their UID forms: RFC 9051 §6.4.7, §6.4.8; COPYUID: RFC 4315.
#include "imapd/commands/commands.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

struct Arguments {
  SequenceSet set;
  std::string mailbox;
};

Result<Arguments> copy_arguments(Scanner& in) {
  Arguments arguments;
  TRY_VOID(in.space());
  TRY(arguments.set, SequenceSet::parse(in));
  TRY_VOID(in.space());
  TRY(arguments.mailbox, in.astring());
  TRY_VOID(in.end());
  return arguments;
}

// "[COPYUID 38505 304,319:320 3956:3958]"; empty when nothing was copied.
std::string copyuid(const store::Copied& copied) {
  if (copied.to.empty()) return "";
  SetWriter from, to;
  for (const auto uid : copied.from) from.add(uid);
  for (const auto uid : copied.to) to.add(uid);
  return "[COPYUID " + std::to_string(copied.uidvalidity) + " " + from.take() + " " + to.take() + "]";
}

// On a worker.
Result<store::Copied> transfer(Session& session, const store::UidSet& uids, const store::MailboxName& name,
                               bool moving) {
  auto& store = session.server().store();
  auto& source = *session.selected()->mailbox;
  const auto quota = session.account().quota;
  if (name.is_inbox()) TRY_VOID(store.find_or_create(name));
  TRY(auto target, store.open_mailbox(name));
  return moving ? source.move(uids, *target, quota) : source.copy(uids, *target, quota);
}

Task<Answer> copy_or_move(Session& session, Command& command, bool moving) {
  const auto arguments = copy_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  auto& selected = *session.selected();
  const auto sequences = selected.sequences(arguments->set, command.by_uid);
  if (!sequences) co_return bad_syntax(sequences.error());
  const auto name = session.mailbox_named(arguments->mailbox);
  if (!name) co_return answer_for(name.error());
  if (moving && selected.read_only) co_return Answer::no("[NOPERM] The mailbox is open read-only");
  const auto uids = selected.uids(*sequences);
  const std::string done(moving ? "MOVE completed" : "COPY completed");
  if (uids.empty()) co_return Answer::ok(done);
  auto work = [&] { return transfer(session, uids, *name, moving); };
  auto copied = co_await session.on_writer(work);
  if (!copied) co_return answer_for_target(copied.error());
  const auto code = copyuid(*copied);
  if (!moving) co_return Answer::ok(code.empty() ? done : code + " " + done);
  // MOVE tells where before it tells what went: RFC 6851 §4.3.
  if (!code.empty()) session.untagged("OK " + code + " Moved");
  co_await session.report_changes(true, command.by_uid);
  co_return Answer::ok(done);
}

}  // namespace

Task<Answer> copy(Session& session, Command& command) {
  return copy_or_move(session, command, false);
}
Task<Answer> move(Session& session, Command& command) {
  return copy_or_move(session, command, true);
}

}  // namespace waxwing::imap
