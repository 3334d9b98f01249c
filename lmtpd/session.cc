#include "lmtpd/session.h"

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "lmtpd/recipient.h"
#include "mta/protocol/reply.h"

namespace waxwing::lmtp {

using mta::protocol::Verb;

namespace {
constexpr std::size_t kLineBytes = 4096;
constexpr std::int64_t kBadCommandLimit = 30;
}  // namespace

const Session::Row Session::kTable[] = {
    {Verb::mail, &Session::mail},          {Verb::rcpt, &Session::rcpt},
    {Verb::data, &Session::data},          {Verb::bdat, &Session::bdat},
    {Verb::rset, &Session::rset},          {Verb::noop, &Session::noop},
    {Verb::lhlo, &Session::lhlo},          {Verb::quit, &Session::quit},
    {Verb::vrfy, &Session::vrfy},          {Verb::starttls, &Session::starttls},
    {Verb::ehlo, &Session::hello_of_smtp}, {Verb::helo, &Session::hello_of_smtp},
};

Session::Session(Server& server, EventLoop& loop, AcceptedConnection connection)
    : LineSession(server.sessions(), Stream(loop, std::move(connection.fd)), {kLineBytes}),
      server_(server),
      settings_(server.settings()),
      peer_address_(connection.peer_address),
      transport_info_(connection.transport_info()),
      tls_first_(connection.tls_first) {}

void Session::reply(const Verdict& verdict) {
  stream_.write(mta::protocol::format_reply(verdict));
  if (verdict.drop_connection) over_ = true;
}

void Session::end(const Verdict& verdict) {
  reply(verdict);
  over_ = true;
}

void Session::bad_command(const Verdict& verdict) {
  if (++bad_commands_ > kBadCommandLimit) return end({421, "4.7.0", "Too many errors"});
  reply(verdict);
}

void Session::reset() {
  sender_.reset();
  recipients_.clear();
  draft_.reset();
  lines_.reset();
  size_ = 0;
  refusal_.reset();
  chunking_ = false;
}

Task<bool> Session::open() {
  stream_.set_timeout_ms(settings_->timeout_ms);
  log::Event("lmtp.open").with("sid", sid_).with("peer", transport_info_).information();
  if (tls_first_) {
    const auto context = server_.tls();
    if (!context) co_return false;
    auto secured = co_await stream_.start_tls_server(*context);
    if (!secured) {
      log::Event("lmtp.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
      co_return false;
    }
  }
  reply({220, "", settings_->host + " LMTP Waxwing Messaging Server ready"});
  co_return true;
}

void Session::say_stopping() {
  end({421, "4.3.2", "Service shutting down, try again later"});
}

void Session::log_end() const {
  log::Event("lmtp.close").with("sid", sid_).with("delivered", delivered_).information();
}

void Session::read_failed(const Error& error) {
  if (is_line_too_long(error)) return bad_command({500, "5.5.2", "Line too long"});
  over_ = true;
  if (is_timeout(error)) reply({421, "4.4.2", "Timeout, closing the connection"});
  if (sender_) log::Event("lmtp.lost").with("sid", sid_).with("error", error.text).notice();
}

Task<void> Session::command(std::string line) {
  if (line.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
    bad_command({500, "5.5.2", "Bare CR, LF or NUL in a command"});
    co_return;
  }
  const auto command = mta::protocol::parse_command(line);
  for (const auto& row : kTable) {
    if (row.verb != command.verb) continue;
    auto handled = (this->*row.handle)(command.argument);
    co_await std::move(handled);
    co_return;
  }
  if (mta::protocol::is_http_request(line)) {
    end({421, "4.7.0", "This is no HTTP server"});
    co_return;
  }
  bad_command({500, "5.5.1", "Command not recognized"});
}

Task<void> Session::lhlo(std::string_view argument) {
  auto name = mta::protocol::parse_hello(argument);
  if (!name) {
    bad_command(name.error());
    co_return;
  }
  reset();
  lhlo_ = std::move(*name);
  std::string text = settings_->host + "\nPIPELINING\nENHANCEDSTATUSCODES\n8BITMIME\nSMTPUTF8\nCHUNKING";
  if (server_.tls() && !stream_.is_tls()) text += "\nSTARTTLS";
  reply({250, "", text + "\nSIZE " + std::to_string(settings_->max_message_bytes)});
}

Task<void> Session::hello_of_smtp(std::string_view) {
  bad_command({500, "5.5.1", "This is LMTP: say LHLO"});
  co_return;
}

Task<void> Session::starttls(std::string_view argument) {
  const auto context = server_.tls();
  if (!context || stream_.is_tls() || !argument.empty() || sender_) {
    bad_command({503, "5.5.1", "STARTTLS is not possible now"});
    co_return;
  }
  reply({220, "2.0.0", "Begin the TLS handshake"});
  auto secured = co_await stream_.start_tls_server(*context);
  lhlo_.clear();  // nothing said in clear counts any more: RFC 3207 §4.2
  if (secured) co_return;
  log::Event("lmtp.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
  over_ = true;
}

Task<void> Session::mail(std::string_view argument) {
  if (lhlo_.empty() || sender_) {
    bad_command({503, "5.5.1", lhlo_.empty() ? "LHLO first" : "A transaction is open; RSET ends it"});
    co_return;
  }
  mta::protocol::MailRules rules;
  rules.binary = rules.dsn = false;
  rules.size_limit = settings_->max_message_bytes;
  auto parsed = mta::protocol::parse_mail(argument, rules);
  if (!parsed) {
    bad_command(parsed.error());
    co_return;
  }
  sender_ = std::move(*parsed);
  qid_ = unique_id();
  reply({250, "2.1.0", "Sender ok"});
}

Task<void> Session::rcpt(std::string_view argument) {
  if (!sender_ || chunking_) {
    bad_command({503, "5.5.1", chunking_ ? "BDAT has begun" : "MAIL first"});
    co_return;
  }
  if (recipients_.size() >= settings_->max_recipients) {
    reply({452, "4.5.3", "Too many recipients in one message"});
    co_return;
  }
  mta::protocol::RcptRules rules;
  rules.dsn = false;
  rules.smtputf8 = sender_->options.smtputf8;
  auto parsed = mta::protocol::parse_rcpt(argument, rules);
  if (!parsed) {
    bad_command(parsed.error());
    co_return;
  }
  const RecipientRules here{settings_->host, server_.store().default_quota()};
  auto ask = [&](directory::Ask how) {
    return resolve_recipient(server_.directory(), parsed->address, here, how);
  };
  auto resolved = co_await directory::patiently(server_.workers(), ask);
  const bool good = resolved && *resolved;
  if (!good) {
    const auto verdict = resolved ? resolved->error()
                                  : Verdict{451, "4.3.0", "The directory does not answer, try again later"};
    log::Event("lmtp.rcpt.rejected")
        .with("sid", sid_)
        .with("qid", qid_)
        .with("rcpt", parsed->address)
        .with("code", verdict.code)
        .with("reply", verdict.text)
        .notice();
    reply(verdict);
    co_return;
  }
  recipients_.push_back({std::move(parsed->address), std::move(**resolved)});
  reply({250, "2.1.5", "Recipient ok"});
}

Task<void> Session::rset(std::string_view) {
  reset();
  reply({250, "2.0.0", "Ok"});
  co_return;
}

Task<void> Session::noop(std::string_view) {
  reply({250, "2.0.0", "Ok"});
  co_return;
}

Task<void> Session::vrfy(std::string_view) {
  reply({252, "2.5.2", "Send to it and see"});
  co_return;
}

Task<void> Session::quit(std::string_view) {
  end({221, "2.0.0", "Bye"});
  co_return;
}

}  // namespace waxwing::lmtp
