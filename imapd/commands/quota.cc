// GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208. One quota root a user, named "". Limits come from the
// directory; changing them is the administrator's, so SETQUOTA is refused (QUOTASET is not offered).
#include "imapd/commands/commands.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

Result<std::string> one_string(Scanner& in) {
  TRY_VOID(in.space());
  TRY(auto value, in.astring());
  TRY_VOID(in.end());
  return value;
}

std::string quota_text(const store::QuotaUsage& usage, const store::QuotaLimit& limit) {
  std::string list;
  // STORAGE counts units of 1024 octets, rounded up.
  if (limit.bytes >= 0)
    list =
        "STORAGE " + std::to_string((usage.bytes + 1023) / 1024) + " " + std::to_string(limit.bytes / 1024);
  if (limit.messages >= 0) {
    if (!list.empty()) list += ' ';
    list += "MESSAGE " + std::to_string(usage.messages) + " " + std::to_string(limit.messages);
  }
  return "QUOTA \"\" (" + list + ")";
}

Task<Result<>> tell_quota(Session& session) {
  auto work = [&] { return session.server().store().quota_usage(session.account().user); };
  auto usage = co_await session.on_worker(work);
  if (!usage) co_return std::unexpected(std::move(usage.error()));
  session.untagged(quota_text(*usage, session.account().quota));
  co_return Result<>{};
}

}  // namespace

Task<Answer> get_quota(Session& session, Command& command) {
  const auto root = one_string(command.arguments);
  if (!root) co_return bad_syntax(root.error());
  if (!root->empty()) co_return Answer::no("[NONEXISTENT] The only quota root is \"\"");
  auto told = co_await tell_quota(session);
  if (!told) co_return answer_for(told.error());
  co_return Answer::ok("GETQUOTA completed");
}

Task<Answer> get_quota_root(Session& session, Command& command) {
  const auto wire = one_string(command.arguments);
  if (!wire) co_return bad_syntax(wire.error());
  const auto name = session.mailbox_named(*wire);
  if (!name) co_return answer_for(name.error());
  auto work = [&] { return session.server().store().find(*name); };
  auto found = co_await session.on_worker(work);
  if (!found && !name->is_inbox()) co_return answer_for(found.error());
  session.untagged("QUOTAROOT " + session.name_on_wire(name->folder) + " \"\"");
  auto told = co_await tell_quota(session);
  if (!told) co_return answer_for(told.error());
  co_return Answer::ok("GETQUOTAROOT completed");
}

Task<Answer> set_quota(Session&, Command& command) {
  if (auto space = command.arguments.space(); !space) co_return bad_syntax(space.error());
  co_return Answer::no("[NOPERM] Quota limits are kept in the directory");
}

}  // namespace waxwing::imap
