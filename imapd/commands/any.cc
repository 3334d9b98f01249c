// Commands of every state, and ENABLE: RFC 9051 §6.1, §6.3.1; ID: RFC 2971.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "common/mail/imap_structure.h"
#include "imapd/commands/commands.h"
#include "imapd/parse/arguments.h"
#include "imapd/server.h"

namespace waxwing::imap {

Task<Answer> capability(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  session.untagged("CAPABILITY " + session.server().capabilities(session));
  co_return Answer::ok("CAPABILITY completed");
}

Task<Answer> noop(Session&, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  co_return Answer::ok("NOOP completed");
}

Task<Answer> check(Session&, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  co_return Answer::ok("CHECK completed");
}

Task<Answer> logout(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  session.untagged("BYE Logging out");
  session.finish();
  co_return Answer::ok("LOGOUT completed");
}

namespace {

Result<IdFields> id_arguments(Scanner& in) {
  TRY_VOID(in.space());
  TRY(auto fields, parse_id(in));
  TRY_VOID(in.end());
  return fields;
}

}  // namespace

Task<Answer> id(Session& session, Command& command) {
  const auto fields = id_arguments(command.arguments);
  if (!fields) co_return bad_syntax(fields.error());
  if (!fields->empty()) {
    log::Event event("imap.client");
    event.with("sid", session.id());
    for (const auto& [name, value] : *fields)
      if (iequals(name, "name") || iequals(name, "version")) event.with(to_lower(name), value.value_or(""));
    event.information();
  }
  session.untagged(fmt::format("ID (\"name\" \"{}\" \"version\" \"{}\")", kProduct, product_version()));
  co_return Answer::ok("ID completed");
}

namespace {

Result<std::vector<std::string>> enable_arguments(Scanner& in) {
  std::vector<std::string> names;
  TRY_VOID(in.space());
  do {
    TRY(const auto name, in.atom());
    names.emplace_back(name);
  } while (in.take(' ') && !in.at_end());
  TRY_VOID(in.end());
  return names;
}

}  // namespace

// Unknown extensions are not an error: RFC 9051 §6.3.1.
Task<Answer> enable(Session& session, Command& command) {
  const auto names = enable_arguments(command.arguments);
  if (!names) co_return bad_syntax(names.error());
  std::string enabled;
  for (const auto& name : *names) {
    if (iequals(name, "CONDSTORE")) {
      session.enable_condstore();
      enabled += " CONDSTORE";
    } else if (iequals(name, "IMAP4rev2")) {
      session.enable_rev2();
      enabled += " IMAP4rev2";
    }
  }
  session.untagged("ENABLED" + enabled);
  co_return Answer::ok("ENABLE completed");
}

}  // namespace waxwing::imap
