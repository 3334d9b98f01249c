// LOGIN and AUTHENTICATE: RFC 9051 §6.2.2, §6.2.3; SASL-IR: RFC 4959.
//
// Every attempt is made inline first, from the caches; only when the directory must be asked or a slow hash
// computed does it go to a worker.
#include "common/auth/patiently.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "imapd/commands/commands.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

using auth::Ask;
using auth::Reason;
using auth::Step;

constexpr std::size_t kMaxSaslLine = 16384;

store::QuotaLimit quota_of(const directory::User& user, store::QuotaLimit standard) {
  if (user.quota_bytes != directory::kSystemDefault) standard.bytes = user.quota_bytes;
  if (user.message_quota != directory::kSystemDefault) standard.messages = user.message_quota;
  return standard;
}

std::string_view failure_code(Reason reason) {
  switch (reason) {
    case Reason::credentials:
      return "[AUTHENTICATIONFAILED] ";
    case Reason::temporary:
      return "[UNAVAILABLE] ";
    case Reason::status:
      return "[CONTACTADMIN] ";
    case Reason::access:
    case Reason::authorization:
      return "[AUTHORIZATIONFAILED] ";
    case Reason::encryption_required:
      return "[PRIVACYREQUIRED] ";
    case Reason::unknown_mechanism:
    case Reason::malformed:
      break;
  }
  return "";
}

Answer refused(Session& session, const auth::Failure& failure) {
  log::Event("imap.login.failed")
      .with("sid", session.id())
      .with("peer", session.stream().peer_address())
      .with("reason", auth::to_string(failure.reason))
      .with("why", failure.for_log)
      .notice();
  if (failure.reason == Reason::malformed) return Answer::bad(one_line(failure.for_client));
  if (failure.reason == Reason::credentials) session.login_failed();
  return Answer::no(std::string(failure_code(failure.reason)) + one_line(failure.for_client));
}

Answer accepted(Session& session, const auth::Identity& identity) {
  const auto& user = *identity.user;
  log::Event("imap.login")
      .with("sid", session.id())
      .with("user", user.store_name)
      .with("by", identity.authentication_id)
      .with("mechanism", identity.mechanism)
      .with("tls", session.stream().tls_protocol())
      .with("peer", session.stream().peer_address())
      .information();
  session.log_in({.login = identity.authentication_id,
                  .user = user.store_name,
                  .dn = identity.proxied ? "" : user.dn,
                  .mechanism = identity.mechanism,
                  .quota = quota_of(user, session.server().store().default_quota())});
  return Answer::ok("[CAPABILITY " + session.server().capabilities(session) + "] Logged in");
}

Answer concluded(Session& session, const Step& step) {
  return step.kind == Step::Kind::done ? accepted(session, step.identity) : refused(session, step.failure);
}

struct LoginArguments {
  std::string user, password;
};
Result<LoginArguments> login_arguments(Scanner& in) {
  LoginArguments login;
  TRY_VOID(in.space());
  TRY(login.user, in.astring());
  TRY_VOID(in.space());
  TRY(login.password, in.astring());
  TRY_VOID(in.end());
  return login;
}

struct SaslArguments {
  std::string mechanism;
  std::optional<std::string> initial;
};
Result<SaslArguments> sasl_arguments(Scanner& in) {
  SaslArguments sasl;
  TRY_VOID(in.space());
  TRY(const auto mechanism, in.atom());
  sasl.mechanism = std::string(mechanism);
  if (!in.take(' ') || in.at_end()) return sasl;
  sasl.initial = std::string(in.rest());
  if (*sasl.initial == "=") {
    sasl.initial->clear();
    return sasl;
  }
  sasl.initial = from_base64(*sasl.initial);
  if (!sasl.initial) return permanent("the initial response is not base64");
  return sasl;
}

// The client's answer to a challenge; a permanent error ends the exchange, a temporary one the connection.
Task<Result<std::string>> sasl_line(Session& session, const std::string& challenge) {
  session.write("+ " + to_base64(challenge) + "\r\n");
  auto line = co_await session.stream().read_line(kMaxSaslLine, LineEnd::crlf_or_lf);
  if (!line) {
    if (is_line_too_long(line.error())) co_return permanent("the response is too long");
    co_return std::unexpected(std::move(line.error()));
  }
  if (*line == "*") co_return permanent("AUTHENTICATE cancelled");
  auto response = from_base64(*line);
  if (!response) co_return permanent("the response is not base64");
  co_return *std::move(response);
}

}  // namespace

Task<Answer> login(Session& session, Command& command) {
  const auto arguments = login_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  auto& logins = session.server().logins();
  const auto peer = session.peer();
  auto ask = [&](Ask how) { return logins.password(peer, arguments->user, arguments->password, how); };
  auto step = co_await auth::patiently(session.workers(), ask);
  co_return concluded(session, step);
}

Task<Answer> authenticate(Session& session, Command& command) {
  const auto arguments = sasl_arguments(command.arguments);
  if (!arguments) co_return bad_syntax(arguments.error());
  auto exchange = session.server().logins().begin(session.peer());
  std::optional<std::string_view> initial;
  if (arguments->initial) initial = *arguments->initial;
  auto begin = [&](Ask how) { return exchange.start(arguments->mechanism, initial, how); };
  auto step = co_await auth::patiently(session.workers(), begin);
  while (step.kind == Step::Kind::challenge) {
    auto response = co_await sasl_line(session, step.challenge);
    if (!response) {
      if (response.error().fault == Fault::temporary) session.finish();
      co_return bad_syntax(response.error());
    }
    auto go_on = [&](Ask how) { return exchange.step(*response, how); };
    step = co_await auth::patiently(session.workers(), go_on);
  }
  co_return concluded(session, step);
}

}  // namespace waxwing::imap
