// The AUTHORIZATION state: USER and PASS, APOP, AUTH, STLS.
#include "common/auth/patiently.h"
#include "common/auth/peer.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "popd/session.h"

namespace waxwing::pop {

using auth::Reason;

auth::Peer Session::peer() const {
  return auth::peer_of(auth::Service::pop, stream_, stream_.peer_address());
}

Task<void> Session::user(std::string_view argument) {
  user_ = trim(argument);
  if (user_.empty()) {
    err("USER needs a name");
  } else if (!server_.logins().plain_text_allowed(peer())) {
    user_.clear();
    err("[AUTH] passwords are not taken in clear; use STLS first");
  } else {
    ok("and the password?");  // whether there is such a user is nobody's business
  }
  co_return;
}

Task<void> Session::pass(std::string_view argument) {
  if (user_.empty()) {
    err("USER first");
    co_return;
  }
  // A password may hold blanks: all that follows is the password.
  const auto who = peer();
  const auto login = std::move(user_);
  user_.clear();
  auto ask = [&](auth::Ask how) { return server_.logins().password(who, login, argument, how); };
  auto step = co_await auth::patiently(server_.workers(), ask);
  co_await login_done(std::move(step));
}

Task<void> Session::apop(std::string_view argument) {
  const auto words = split_words(argument);
  if (timestamp_.empty() || words.size() != 2) {
    err(timestamp_.empty() ? "APOP is not offered here" : "APOP needs a name and a digest");
    co_return;
  }
  const auto who = peer();
  auto ask = [&](auth::Ask how) { return server_.logins().apop(who, words[0], timestamp_, words[1], how); };
  auto step = co_await auth::patiently(server_.workers(), ask);
  co_await login_done(std::move(step));
}

Task<void> Session::auth(std::string_view argument) {
  const auto words = split_words(argument);
  if (words.empty()) {
    // What clients asked before there was CAPA.
    std::string text = "these are the mechanisms\r\n";
    for (const auto& name : server_.logins().mechanisms(peer())) text += name + "\r\n";
    ok(text + ".");
    co_return;
  }
  if (words.size() > 2) {
    err("AUTH takes a mechanism and at most one initial response");
    co_return;
  }
  std::optional<std::string> initial;
  if (words.size() == 2) initial = words[1] == "=" ? std::string() : from_base64(words[1]);
  if (words.size() == 2 && !initial) {
    err("the initial response is not base64");
    co_return;
  }
  co_await sasl(std::string(words[0]), std::move(initial));
}

Task<void> Session::sasl(std::string mechanism, std::optional<std::string> initial) {
  auto exchange = server_.logins().begin(peer());
  auto bytes = std::move(initial);
  for (bool first = true;; first = false) {
    auto ask = [&](auth::Ask how) {
      return first ? exchange.start(mechanism, bytes, how) : exchange.step(*bytes, how);
    };
    auto step = co_await auth::patiently(server_.workers(), ask);
    if (step.kind != auth::Step::Kind::challenge) {
      co_await login_done(std::move(step));
      co_return;
    }
    stream_.write("+ " + to_base64(step.challenge) + "\r\n");
    auto line = co_await next_line(12288);
    if (!line) {
      if (!is_interrupt(line.error())) read_failed(line.error());
      co_return;
    }
    bytes = *line == "*" ? std::nullopt : from_base64(*line);
    if (!bytes) {
      err(*line == "*" ? "the exchange is cancelled" : "the answer is not base64");
      co_return;
    }
  }
}

Task<void> Session::stls(std::string_view) {
  const auto context = server_.tls();
  if (stream_.is_tls() || !context) {
    err(context ? "TLS is on already" : "TLS is not available");
    co_return;
  }
  ok("begin the TLS handshake");
  user_.clear();  // nothing said in clear counts any more (RFC 2595 §4)
  auto secured = co_await stream_.start_tls_server(*context);
  if (secured) co_return;
  log::Event("pop.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
  over_ = true;
}

Task<void> Session::login_done(auth::Step step) {
  if (step.kind == auth::Step::Kind::done) {
    co_await open_maildrop(std::move(step.identity));
  } else {
    co_await login_failed(std::move(step.failure));
  }
}

Task<void> Session::login_failed(auth::Failure failure) {
  log::Event("pop.login.failed")
      .with("sid", sid_)
      .with("peer", stream_.peer_address())
      .with("reason", auth::to_string(failure.reason))
      .with("text", failure.for_log)
      .notice();
  const bool temporary = failure.reason == Reason::temporary;
  const bool guess = failure.reason == Reason::credentials;
  std::string text = temporary ? "[SYS/TEMP] " : failure.reason == Reason::malformed ? "" : "[AUTH] ";
  text += failure.for_client;
  if (guess && settings_->fail_delay_ms > 0) co_await stream_.loop().sleep(settings_->fail_delay_ms);
  if (!temporary && ++login_failures_ >= settings_->max_login_failures) {
    end(text);
  } else {
    err(text);
  }
}

// Locks the user's INBOX for this session and looks at it.
Task<void> Session::open_maildrop(auth::Identity identity) {
  const auto& user = identity.user->store_name;
  std::optional<MaildropLocks::Held> held;
  if (settings_->lock_mailbox) {
    held = server_.locks().take(user);
    if (!held) {
      err("[IN-USE] another session has this maildrop open");
      co_return;
    }
  }
  auto work = [this, &user]() -> Result<> {
    TRY(const auto name, store::MailboxName::make(user, "INBOX"));
    TRY(const auto entry, server_.store().find_or_create(name));
    TRY(mailbox_, server_.store().open_mailbox(entry));
    TRY(view_, mailbox_->view(false));
    bytes_ = 0;
    for (std::uint32_t number = 1; number <= view_->exists(); ++number) bytes_ += view_->message(number).size;
    return {};
  };
  auto opened = co_await server_.workers().run(work);
  if (!opened) {
    log::Event("pop.maildrop.failed")
        .with("sid", sid_)
        .with("user", user)
        .with("error", opened.error().text)
        .error();
    err(opened.error().fault == Fault::temporary ? "[SYS/TEMP] the maildrop cannot be opened now"
                                                 : "[SYS/PERM] the maildrop cannot be opened");
    co_return;
  }
  lock_ = std::move(held);
  store_user_ = user;
  log::Event("pop.login")
      .with("sid", sid_)
      .with("user", user)
      .with("by", identity.authentication_id)
      .with("mechanism", identity.mechanism)
      .with("tls", stream_.is_tls() ? stream_.tls_protocol() : "no")
      .with("messages", view_->exists())
      .information();
  ok(std::to_string(view_->exists()) + " messages, " + std::to_string(bytes_) + " octets");
}

}  // namespace waxwing::pop
