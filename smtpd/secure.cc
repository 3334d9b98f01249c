// STARTTLS (RFC 3207) and AUTH (RFC 4954).
#include "common/auth/patiently.h"
#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

namespace {
constexpr std::int64_t kBadAuthLimit = 5;  // where no keyword says otherwise
constexpr std::size_t kAuthLineBytes = 12288;

Verdict auth_verdict(const auth::Failure& failure) {
  switch (failure.reason) {
    case auth::Reason::temporary:
      return {454, "4.7.0", failure.for_client};
    case auth::Reason::encryption_required:
      return {538, "5.7.11", failure.for_client};
    case auth::Reason::unknown_mechanism:
      return {504, "5.5.4", failure.for_client};
    case auth::Reason::malformed:
      return {501, "5.5.2", failure.for_client};
    default:
      return {535, "5.7.8", failure.for_client};
  }
}
}  // namespace

bool Session::tls_offered() const {
  const bool wanted = channel_->is(Kw::maytlsserver) || channel_->is(Kw::musttlsserver);
  return wanted && server_->tls() && !stream_.is_tls();
}

bool Session::auth_offered() const {
  const auto offers = [](const mta::Channel& channel) {
    return channel.is(Kw::maysaslserver) || channel.is(Kw::mustsaslserver);
  };
  return !identity_ && (offers(*channel_) || offers(*settings_->start));
}

Task<void> Session::starttls(std::string_view argument) {
  if (!argument.empty()) {
    bad_command({501, "5.5.4", "STARTTLS takes no argument"});
    co_return;
  }
  if (!tls_offered()) {
    bad_command({stream_.is_tls() ? 503 : 502, "5.5.1", "STARTTLS is not offered"});
    co_return;
  }
  reset();
  reply({220, "2.0.0", "Ready to start TLS"});
  const auto context = server_->tls();  // never taken back once there
  auto secured = co_await stream_.start_tls_server(*context);
  if (!secured) {
    log::Event("smtp.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
    over_ = true;
    co_return;
  }
  // Nothing learnt in clear counts any more.
  helo_.clear();
  esmtp_ = false;
  identity_.reset();
  log::Event("smtp.tls")
      .with("sid", sid_)
      .with("protocol", stream_.tls_protocol())
      .with("cipher", stream_.tls_cipher())
      .debug();
  co_await switch_channel();
}

Task<void> Session::auth(std::string_view argument) {
  if (helo_.empty() || !esmtp_) {
    bad_command({503, "5.5.1", "EHLO first"});
    co_return;
  }
  if (identity_ || in_transaction()) {
    bad_command({503, "5.5.1", identity_ ? "Already authenticated" : "Not during a transaction"});
    co_return;
  }
  if (!auth_offered()) {
    bad_command({502, "5.5.1", "AUTH is not offered"});
    co_return;
  }
  const auto words = split_words(argument);
  std::optional<std::string> initial;
  if (words.size() == 2) initial = words[1] == "=" ? std::string() : from_base64(words[1]);
  if (words.empty() || words.size() > 2 || (words.size() == 2 && !initial)) {
    bad_command({501, "5.5.2", "Syntax: AUTH mechanism [base64]"});
    co_return;
  }
  std::string mechanism(words[0]);
  co_await auth_exchange(std::move(mechanism), std::move(initial));
}

// A challenge to the client and its decoded answer; nothing when the exchange is over (already answered).
Task<std::optional<std::string>> Session::auth_answer(std::string challenge) {
  reply({334, "", to_base64(challenge)});
  auto line = co_await next_line(kAuthLineBytes);
  if (!line) {
    if (!is_interrupt(line.error())) read_failed(line.error());
    co_return std::nullopt;
  }
  if (*line == "*") {
    reply({501, "5.7.0", "Authentication cancelled"});
    co_return std::nullopt;
  }
  auto answer = from_base64(*line);
  if (!answer) bad_command({501, "5.5.2", "That is no base64"});
  co_return answer;
}

Task<void> Session::auth_exchange(std::string mechanism, std::optional<std::string> initial) {
  auto exchange = server_->authenticator().begin(peer());
  std::string response = initial.value_or("");
  bool started = false;
  auto advance = [&](auth::Ask patience) {
    if (started) return exchange.step(response, patience);
    return exchange.start(mechanism, initial ? std::optional<std::string_view>(*initial) : std::nullopt,
                          patience);
  };
  for (;;) {
    auto step = co_await auth::patiently(server_->workers(), advance);
    started = true;
    if (step.kind == auth::Step::Kind::done) {
      identity_ = std::move(step.identity);
      log::Event("smtp.auth")
          .with("sid", sid_)
          .with("user", identity_->user->store_name)
          .with("mechanism", identity_->mechanism)
          .information();
      record_connection('U', "235 2.7.0 Authentication succeeded", identity_->user->store_name);
      co_await switch_channel();
      reply({235, "2.7.0", "Authentication succeeded"});
      co_return;
    }
    if (step.kind != auth::Step::Kind::challenge) {
      auth_failed(step.failure);
      co_return;
    }
    auto answer = co_await auth_answer(std::move(step.challenge));
    if (!answer) co_return;
    response = std::move(*answer);
  }
}

void Session::auth_failed(const auth::Failure& failure) {
  log::Event("smtp.auth.failed")
      .with("sid", sid_)
      .with("peer", peer_address_)
      .with("reason", failure.for_log)
      .notice();
  const auto verdict = auth_verdict(failure);
  record_connection('U', std::to_string(verdict.code) + " " + verdict.status + " " + failure.for_log);
  const auto limit = keyword(Kw::disconnectbadauthlimit, kBadAuthLimit);
  if (failure.reason != auth::Reason::temporary && limit > 0 && ++counts_.bad_auths >= limit)
    return end({421, "4.7.0", "Too many failed authentications"});
  reply(verdict);
}

}  // namespace waxwing::smtpd
