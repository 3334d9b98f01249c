// CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE: RFC 9051 §6.3.4 to §6.3.8; CREATE with USE: RFC 6154 §3.
#include "common/base/strings.h"
#include "imapd/commands/commands.h"
#include "imapd/server.h"
#include "imapd/special_use.h"

namespace waxwing::imap {
namespace {

// A name that cannot be is NO [CANNOT]; a line that cannot be read is BAD.
struct Names {
  std::string first, second, special_use;
};
Result<Names> names(Scanner& in, int count) {
  Names names;
  TRY_VOID(in.space());
  TRY(names.first, in.astring());
  if (count == 2) {
    TRY_VOID(in.space());
    TRY(names.second, in.astring());
  }
  return names;
}

Result<std::string> use_attributes(Scanner& in) {
  TRY_VOID(in.expect('('));
  if (!in.take_word("USE")) return permanent("expected USE");
  TRY_VOID(in.space());
  TRY_VOID(in.expect('('));
  std::string list;
  while (in.peek() != ')') {
    TRY_VOID(in.expect('\\'));
    TRY(const auto word, in.atom());
    if (!list.empty()) list += ' ';
    list += "\\" + std::string(word);
    if (!in.take(' ')) break;
  }
  TRY_VOID(in.expect(')'));
  TRY_VOID(in.expect(')'));
  return list;
}

Result<Names> create_arguments(Scanner& in) {
  TRY(auto arguments, names(in, 1));
  if (in.take(' ') && !in.at_end()) {
    TRY(arguments.special_use, use_attributes(in));
  }
  TRY_VOID(in.end());
  return arguments;
}

Result<Names> plain_arguments(Scanner& in, int count) {
  TRY(auto arguments, names(in, count));
  TRY_VOID(in.end());
  return arguments;
}

Answer refused_name(const Error& error) {
  auto answer = answer_for(error);
  if (!answer.text.starts_with('[')) answer.text = "[CANNOT] " + answer.text;
  return answer;
}

}  // namespace

Task<Answer> create(Session& session, Command& command) {
  const auto arguments = create_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return refused_name(name.error());
  if (name->is_inbox()) co_return Answer::no("[ALREADYEXISTS] INBOX is there always");
  const auto use = canonical_special_use(arguments->special_use);
  if (!use) co_return Answer::no("[USEATTR] " + one_line(use.error().text));
  auto work = [&] { return session.server().store().create(*name, *use); };
  auto created = co_await session.on_writer(work);
  if (!created) co_return answer_for(created.error());
  co_return Answer::ok("[MAILBOXID (" + created->id + ")] CREATE completed");
}

Task<Answer> remove(Session& session, Command& command) {
  const auto arguments = plain_arguments(command.arguments, 1);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return refused_name(name.error());
  if (name->is_inbox()) co_return Answer::no("[CANNOT] INBOX cannot be deleted");
  // A session that deletes what it has selected falls back to the authenticated state.
  const bool own = session.selected() && session.selected()->name == *name;
  auto work = [&] { return session.server().store().remove(*name); };
  auto removed = co_await session.on_writer(work);
  if (!removed) co_return answer_for(removed.error());
  if (own) session.deselect(true);
  co_return Answer::ok("DELETE completed");
}

Task<Answer> rename(Session& session, Command& command) {
  const auto arguments = plain_arguments(command.arguments, 2);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto from = session.mailbox_named(arguments->first);
  if (!from) co_return refused_name(from.error());
  const auto to = session.mailbox_named(arguments->second);
  if (!to) co_return refused_name(to.error());
  if (to->is_inbox()) co_return Answer::no("[ALREADYEXISTS] INBOX is there always");
  if (to->text().starts_with(from->text() + "/") && !from->is_inbox())
    co_return Answer::no("[CANNOT] A mailbox cannot move below itself");
  auto work = [&] { return session.server().store().rename(*from, *to); };
  auto renamed = co_await session.on_writer(work);
  if (!renamed) co_return answer_for(renamed.error());
  if (auto* selected = session.selected(); selected && !from->is_inbox() && selected->name == *from)
    selected->name = *to;
  co_return Answer::ok("RENAME completed");
}

Task<Answer> subscribe(Session& session, Command& command) {
  const auto arguments = plain_arguments(command.arguments, 1);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return refused_name(name.error());
  auto work = [&] { return session.server().store().subscribe(session.account().user, *name); };
  auto done = co_await session.on_writer(work);
  if (!done) co_return answer_for(done.error());
  co_return Answer::ok("SUBSCRIBE completed");
}

Task<Answer> unsubscribe(Session& session, Command& command) {
  const auto arguments = plain_arguments(command.arguments, 1);
  if (!arguments) co_return bad_syntax(arguments.error());
  const auto name = session.mailbox_named(arguments->first);
  if (!name) co_return refused_name(name.error());
  auto work = [&] { return session.server().store().unsubscribe(session.account().user, *name); };
  auto done = co_await session.on_writer(work);
  if (!done) co_return answer_for(done.error());
  co_return Answer::ok("UNSUBSCRIBE completed");
}

}  // namespace waxwing::imap
