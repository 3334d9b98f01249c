// STARTTLS: RFC 9051 §6.2.1. What came in clear behind the command is dropped by the stream.
#include "common/log/log.h"
#include "imapd/commands/commands.h"
#include "imapd/server.h"

namespace waxwing::imap {

Task<Answer> starttls(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  if (session.is_tls()) co_return Answer::bad("TLS is active already");
  const auto tls = session.server().tls();
  if (!tls) co_return Answer::no("[UNAVAILABLE] No certificate is installed here");
  session.begin_tls();
  co_return Answer::ok("Begin TLS now");
}

}  // namespace waxwing::imap
