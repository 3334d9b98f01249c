// SASL exchanges: the first line has the mechanism, the others are the client's answers in base64 or as they
// are.
#include "common/auth/authenticator.h"
#include "common/auth/detail/mechanisms.h"
#include "common/auth/password.h"
#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::auth;

namespace {

Authenticator& logins() {
  static const auto directory = directory::Directory::open(directory::Settings{}).value();
  static const auto open = Authenticator::open({.plain_text = Settings::PlainText::always,
                                                .has_plain_passwords = true,
                                                .scram = true,
                                                .admins = {"boss"}},
                                               directory);
  return **open;
}

std::string answer(std::string_view line) {
  if (line.starts_with('=')) return std::string(line.substr(1));
  return from_base64(line).value_or(std::string(line));
}

void look(const Step& step) {
  if (step.kind == Step::Kind::done) MUST(step.identity.user && step.identity.user->uid == "joe");
  if (step.kind != Step::Kind::failed) return;
  MUST(!step.failure.for_client.empty());
  MUST(step.failure.for_log.find_first_of("\r\n") == std::string::npos);
}

}  // namespace

FUZZ_TARGET(sasl) {
  fuzz::Input in(input);
  const Peer peer{.service = Service::imap,
                  .address = "127.0.0.1",
                  .tls = true,
                  .tls_exporter = "x",
                  .tls_subject = "emailAddress=joe"};
  auto exchange = logins().begin(peer);
  const auto mechanism = in.line();
  const auto first = in.line();
  auto step = exchange.start(mechanism, first.empty() ? std::nullopt : std::optional<std::string_view>(first),
                             Ask::may_block);
  look(step);
  for (int n = 0; n < 4 && step.kind == Step::Kind::challenge && !in.at_end(); ++n) {
    const auto bytes = answer(in.line());
    step = exchange.step(bytes, Ask::may_block);
    look(step);
  }
  const auto rest = in.rest();
  login_of_subject(rest, "emailAddress");
  is_slow(rest);
  is_clear_text(rest);
  (void)parse_scram(rest);
  if (const auto text = prepare_password(rest)) MUST(is_utf8(*text));
}
