#include "popd/session.h"

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::pop {

namespace {
// Commands are short; SASL answers are not (RFC 5034 §4).
constexpr std::size_t kLineBytes = 12288;
constexpr std::int64_t kBadCommandLimit = 30;
}  // namespace

const Session::Row Session::kTable[] = {
    {"CAPA", authorization | transaction, &Session::capa},
    {"QUIT", authorization | transaction, &Session::quit},
    {"STLS", authorization, &Session::stls},
    {"USER", authorization, &Session::user},
    {"PASS", authorization, &Session::pass},
    {"APOP", authorization, &Session::apop},
    {"AUTH", authorization, &Session::auth},
    {"STAT", transaction, &Session::stat},
    {"LIST", transaction, &Session::list},
    {"UIDL", transaction, &Session::uidl},
    {"RETR", transaction, &Session::retr},
    {"TOP", transaction, &Session::top},
    {"DELE", transaction, &Session::dele},
    {"RSET", transaction, &Session::rset},
    {"NOOP", transaction, &Session::noop},
};

Session::Session(Server& server, Stream stream, bool tls_first)
    : LineSession(server.sessions(), std::move(stream), {kLineBytes, LineEnd::crlf_or_lf}),
      server_(server),
      settings_(server.settings()),
      tls_first_(tls_first),
      opened_ms_(monotonic_ms()) {}

void Session::ok(std::string_view text) {
  stream_.write("+OK ");
  stream_.write(text);
  stream_.write("\r\n");
}

void Session::err(std::string_view text) {
  stream_.write("-ERR ");
  stream_.write(text);
  stream_.write("\r\n");
}

void Session::end(std::string_view text) {
  err(text);
  over_ = true;
}

Task<bool> Session::open() {
  stream_.set_timeout_ms(settings_->idle_ms);
  log::Event("pop.open")
      .with("sid", sid_)
      .with("peer", stream_.peer_address())
      .with("port", stream_.local_port())
      .information();
  if (tls_first_) {
    const auto context = server_.tls();
    auto secured = co_await stream_.start_tls_server(*context);
    if (!secured) {
      log::Event("pop.tls.failed").with("sid", sid_).with("error", secured.error().text).notice();
      co_return false;
    }
  }
  std::string greeting = settings_->banner;
  if (server_.logins().apop_offered()) {
    timestamp_ = "<" + sid_ + "." + to_hex(random_bytes(8)) + "@" + settings_->host + ">";
    greeting += " " + timestamp_;
  }
  ok(greeting);
  co_return true;
}

void Session::say_stopping() {
  end("[SYS/TEMP] the server is shutting down");
}

void Session::log_end() const {
  log::Event("pop.close")
      .with("sid", sid_)
      .with("user", store_user_)
      .with("retrieved", retrieved_)
      .with("bytes", static_cast<std::int64_t>(stream_.bytes_out()))
      .with("ms", monotonic_ms() - opened_ms_)
      .information();
}

void Session::read_failed(const Error& error) {
  if (is_line_too_long(error)) return err("the line is too long");
  if (is_timeout(error)) {
    log::Event("pop.timeout").with("sid", sid_).information();
    end("[SYS/TEMP] you said nothing for too long; no message was deleted");
  }
  over_ = true;
}

Task<void> Session::command(std::string line) {
  std::string_view argument = line;
  const auto name = take_until(argument, ' ');
  const unsigned phase = view_ ? transaction : authorization;
  for (const auto& row : kTable) {
    if (!iequals(row.name, name)) continue;
    if ((row.phases & phase) == 0) {
      err(view_ ? "you are logged in already" : "log in first");
      co_return;
    }
    auto handled = (this->*row.handle)(argument);
    co_await std::move(handled);
    co_return;
  }
  if (++bad_commands_ > kBadCommandLimit) {
    end("too many commands that make no sense");
    co_return;
  }
  err("there is no such command");
}

Task<void> Session::capa(std::string_view) {
  std::string text =
      "these are my capabilities\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n";
  if (!view_) {
    const auto who = peer();
    if (server_.logins().plain_text_allowed(who)) text += "USER\r\n";
    std::string mechanisms;
    for (const auto& name : server_.logins().mechanisms(who)) mechanisms += " " + name;
    if (!mechanisms.empty()) text += "SASL" + mechanisms + "\r\n";
  }
  if (!stream_.is_tls() && server_.tls() && !view_) text += "STLS\r\n";
  ok(text + "EXPIRE NEVER\r\nIMPLEMENTATION Waxwing\r\n.");
  co_return;
}

Task<void> Session::noop(std::string_view) {
  ok("nothing done");
  co_return;
}

Task<void> Session::quit(std::string_view) {
  over_ = true;
  if (!view_) {
    ok("good bye");
    co_return;
  }
  co_await update();
}

// The UPDATE state: only here do deletions happen.
Task<void> Session::update() {
  store::UidSet gone, seen;
  for (std::uint32_t number = 1; number <= view_->exists(); ++number) {
    if (is_deleted(number)) {
      store::add_uid(gone, view_->uid(number));
    } else if (!seen_.empty() && seen_[number] && (view_->message(number).flags & store::kSeen) == 0) {
      store::add_uid(seen, view_->uid(number));
    }
  }
  auto work = [this, &gone, &seen]() -> Result<> {
    if (!seen.empty()) TRY_VOID(mailbox_->store_flags(seen, {.flags = store::kSeen}));
    if (!gone.empty()) TRY_VOID(mailbox_->expunge(gone, false));
    return {};
  };
  Result<> updated;
  if (!gone.empty() || !seen.empty()) updated = co_await server_.workers().run(work);
  if (!updated) {
    log::Event("pop.update.failed").with("sid", sid_).with("error", updated.error().text).error();
    err("[SYS/TEMP] some deleted messages were not removed");
    co_return;
  }
  ok("good bye, " + std::to_string(deleted_count_) + " messages deleted");
}

}  // namespace waxwing::pop
