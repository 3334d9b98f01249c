#include "smtpd/session.h"

#include <algorithm>

#include "common/auth/access.h"
#include "common/auth/peer.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/policy/switching.h"
#include "mta/protocol/reply.h"
#include "mta/transport/client_name.h"

namespace waxwing::smtpd {

using mta::Kw;
using mta::protocol::Verb;

namespace {
constexpr std::size_t kLineBytes = 12288;      // AUTH answers, RFC 4954 §4; a URL of BURL
constexpr std::size_t kCommandBytes = 2048;    // all others: RFC 5321 and the extensions' additions
constexpr std::int64_t kBadCommandLimit = 50;  // where no keyword says otherwise

// The client's name. Nobody waits for it.
// claimed, where it is wished: a name that does not lead back to the address.
Task<void> find_name(Resolver& resolver, std::string address, std::shared_ptr<std::string> name,
                     std::shared_ptr<std::string> claimed) {
  mta::DnsNameService names(resolver);
  auto found = co_await mta::client_name(names, address);
  *name = std::move(found);
  if (!claimed || !name->empty()) co_return;
  auto all = co_await names.names_of(std::move(address));
  if (!all.empty()) *claimed = std::move(all.front());
}

// Gives a member a value that must not outlive this scope.
template <class T>
class ForNow {
 public:
  ForNow(T& place, T value) : place_(place) { place_ = value; }
  ForNow(const ForNow&) = delete;
  ForNow& operator=(const ForNow&) = delete;
  ~ForNow() { place_ = T(); }

 private:
  T& place_;
};

// "EXTERNAL||text": what follows the two bars.
std::string text_for_log(std::string_view verdict) {
  const auto at = verdict.find("||");
  return at == verdict.npos ? std::string() : std::string(verdict.substr(at + 2));
}
}  // namespace

struct Session::Row {
  Verb verb;
  Task<void> (Session::*handle)(std::string_view argument);
};
const Session::Row Session::kTable[] = {
    {Verb::mail, &Session::mail},       {Verb::rcpt, &Session::rcpt}, {Verb::data, &Session::data},
    {Verb::bdat, &Session::bdat},       {Verb::ehlo, &Session::ehlo}, {Verb::helo, &Session::helo},
    {Verb::quit, &Session::quit},       {Verb::rset, &Session::rset}, {Verb::noop, &Session::noop},
    {Verb::auth, &Session::auth},       {Verb::help, &Session::help}, {Verb::starttls, &Session::starttls},
    {Verb::vrfy, &Session::vrfy},       {Verb::expn, &Session::expn}, {Verb::etrn, &Session::etrn},
    {Verb::xclient, &Session::xclient}, {Verb::burl, &Session::burl},
};

Session::Session(std::shared_ptr<Server> server, EventLoop& loop, AcceptedConnection connection)
    : LineSession(server->sessions(), Stream(loop, std::move(connection.fd)), {kLineBytes}),
      server_(std::move(server)),
      settings_(server_->settings()),
      transport_info_(connection.transport_info()),
      peer_address_(std::move(connection.peer_address)),
      tls_first_(connection.tls_first),
      port_access_text_(text_for_log(connection.verdict)),
      host_name_(std::make_shared<std::string>()),
      channel_(settings_->start) {}

// What a client says in AUTH may be a password.
void Session::wire(std::string_view direction, std::string_view text) const {
  if (!settings_->start->is(Kw::slave_debug)) return;
  const auto words = split_words(text.substr(0, 100));
  const bool secret = direction == "in" && words.size() > 2 && iequals(words[0], "AUTH");
  log::Event("smtp.wire")
      .with("sid", sid_)
      .with(direction, secret ? "AUTH " + printable(words[1], 40) + " ..." : printable(text, 2000))
      .notice();
}

void Session::reply(const Verdict& verdict) {
  const auto text = mta::protocol::format_reply(verdict);
  wire("out", trim(text));
  stream_.write(text);
  if (verdict.drop_connection) over_ = true;
}

void Session::end(Verdict verdict) {
  verdict.drop_connection = true;
  reply(verdict);
}

void Session::bad_command(Verdict verdict) {
  const auto limit = keyword(Kw::disconnectbadcommandlimit, kBadCommandLimit);
  if (++counts_.bad_commands <= settings_->options.max_bad_commands_logged) {
    log::Event("smtp.command.bad").with("sid", sid_).with("reply", verdict.text).notice();
    record_bad_command(verdict);
  }
  if (limit > 0 && counts_.bad_commands >= limit) return end({421, "4.7.0", "Too many errors"});
  reply(verdict);
}

void Session::reset() {
  message_.reset();
  mail_options_ = {};
  first_recipient_.clear();
  rcpt_commands_ = rejected_here_ = 0;
  chunking_ = false;
  chunk_lines_ = {};
  chunk_refusal_.reset();
}

auth::Peer Session::peer() const {
  auto peer = auth::peer_of(auth::Service::smtp, stream_, peer_address_);
  peer.host_name = *host_name_;
  return peer;
}

mta::Source Session::source() const {
  mta::Source source;
  source.channel = channel_->name();
  source.session_id = sid_;
  source.transport_info = transport_info_;
  source.application_info = "SMTP/" + helo_;
  if (identity_) {
    source.auth_user = identity_->user->store_name;
    source.auth_address = identity_->user->mail;
  }
  source.size_error_text = settings_->options.size_error_text;
  if (channel_->is(Kw::remotehost)) source.remote_host = host_name_->empty() ? helo_ : *host_name_;
  source.tls = stream_.is_tls();
  source.esmtp = esmtp_;
  source.submission = channel_->is(Kw::submit) || settings_->start->is(Kw::submit);
  return source;
}

// The source channel by address, TLS and login; begins anew from the service's own each time.
Task<void> Session::switch_channel() {
  mta::SwitchState state;
  state.client_ip = peer_address_;
  state.tls = stream_.is_tls();
  state.sasl = identity_.has_value();
  if (identity_) state.submit_channel = identity_->user->submit_channel;
  auto ask = [&](directory::Ask patience) {
    const mta::Lookup lookup{*settings_->config, &server_->submitter()->view(), patience};
    return mta::switch_channel(lookup, *settings_->start, state);
  };
  auto switched = co_await directory::patiently(server_->workers(), ask);
  if (switched) {
    channel_ = *switched;
  } else {
    // Without an answer the session keeps the rights of the service's channel: the least there are.
    channel_ = settings_->start;
    log::Event("smtp.switch.failed").with("sid", sid_).with("error", switched.error().text).warning();
  }
  size_limit_ = server_->submitter()->size_limit(*settings_->config, *channel_);
}

Task<bool> Session::open() {
  const auto& options = settings_->options;
  if (comes_by_proxy()) {
    auto told = co_await read_proxy_header();
    if (!told) co_return false;
  }
  first_address_ = peer_address_;
  stream_.set_timeout_ms(options.command_receive_ms);
  log::Event("smtp.open")
      .with("sid", sid_)
      .with("peer", transport_info_)
      .with("service", server_->service().name)
      .information();
  if (tls_first_) {
    const auto context = server_->tls();
    if (!context) co_return false;
    auto secured = co_await stream_.start_tls_server(*context);
    if (!secured) {
      log::Event("smtp.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
      co_return false;
    }
  }
  if (!auth::is_loopback(peer_address_) && !channel_->is(Kw::identnonelimited))
    spawn(find_name(server_->resolver(stream_.loop()), peer_address_, host_name_,
                    channel_->is(Kw::forwardchecktag) ? claimed_name_ : nullptr));
  co_await switch_channel();
  co_await ask_ident();
  record_connection('O');
  if (server_stops()) {
    say_stopping();
    co_return true;
  }
  reply({220, "", banner()});
  co_return true;
}

void Session::read_failed(const Error& error) {
  if (is_line_too_long(error)) return bad_command({500, "5.5.2", "Line too long"});
  over_ = true;
  if (in_transaction()) message_->record_abort(error.text);
  if (is_timeout(error)) {
    log::Event("smtp.timeout").with("sid", sid_).notice();
    reply({421, "4.4.2", "Timeout, closing the connection"});
  } else if (in_transaction()) {
    log::Event("smtp.lost").with("sid", sid_).with("error", error.text).notice();
  }
}

Task<void> Session::command(std::string line) {
  const auto command = mta::protocol::parse_command(line);
  const ForNow<std::string_view> serving(command_, line);
  ++counts_.commands;
  wire("in", line);
  if (const auto limit = keyword(Kw::disconnectcommandlimit, 0); limit > 0 && counts_.commands > limit) {
    end({421, "4.7.0", "Too many commands"});
    co_return;
  }
  if (std::ranges::any_of(line, [](char c) { return c == '\r' || c == '\n' || c == '\0'; })) {
    bad_command({500, "5.5.2", "Bare CR, LF or NUL in a command"});
    co_return;
  }
  if (line.size() > kCommandBytes && command.verb != Verb::auth && command.verb != Verb::burl) {
    bad_command({500, "5.5.2", "Line too long"});
    co_return;
  }
  for (const auto& row : kTable) {
    if (row.verb != command.verb) continue;
    // While chunks are coming only BDAT, BURL, RSET, NOOP and QUIT make sense: RFC 3030 §2, RFC 4468 §3.2.
    constexpr Verb kBetweenChunks[] = {Verb::bdat, Verb::burl, Verb::rset, Verb::noop, Verb::quit};
    if (chunking_ && std::ranges::find(kBetweenChunks, command.verb) == std::end(kBetweenChunks)) {
      bad_command({503, "5.5.1", "BDAT has begun"});
      co_return;
    }
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

void Session::say_stopping() {
  end({421, "4.3.2", "Service shutting down, try again later"});
}

void Session::log_end() const {
  record_connection('C', closing_text());
  log::Event("smtp.close")
      .with("sid", sid_)
      .with("commands", counts_.commands)
      .with("messages", counts_.accepted)
      .with("rejected", counts_.rejected)
      .information();
}

}  // namespace waxwing::smtpd
