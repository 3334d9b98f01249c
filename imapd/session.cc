#include "imapd/session.h"

#include "common/auth/peer.h"
#include "common/auth/standing.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/imap_structure.h"
#include "imapd/command_table.h"
#include "imapd/parse/mailbox_name.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

constexpr std::uint16_t kMaxBadInARow = 20;
constexpr std::uint16_t kMaxFailedLogins = 5;
constexpr std::int64_t kLookAgainMs = 5000;       // whether the user may still be here
constexpr std::int64_t kAnswerIsComingMs = 1000;  // the same while the directory is being asked

}  // namespace

Session::Session(Server& server, Stream stream, bool tls_first)
    : server_(server),
      stream_(std::move(stream)),
      framer_(server.settings()->limits_before_login),
      id_(unique_id()),
      login_until_ms_(monotonic_ms() + server.settings()->login_timeout_ms),
      tls_first_(tls_first) {
  stream_.set_timeout_ms(server.settings()->login_timeout_ms);
}

Session::~Session() = default;

Phase Session::phase() const {
  if (selected_) return Phase::selected;
  return account_ ? Phase::authenticated : Phase::connected;
}

WorkerPool& Session::workers() {
  return server_.workers();
}

WorkerPool& Session::writers() {
  return server_.writers();
}

void Session::log_in(Account account) {
  account_ = std::make_unique<Account>(std::move(account));
  look_again_ms_ = monotonic_ms() + kLookAgainMs;
  use_limits();
}

void Session::login_failed() {
  if (++failed_logins_ < kMaxFailedLogins) return;
  untagged("BYE Too many failed logins");
  finish();
}

auth::Peer Session::peer() const {
  return auth::peer_of(auth::Service::imap, stream_, stream_.peer_address());
}

void Session::use_limits() {
  const auto settings = server_.settings();
  framer_.set_limits(account_ ? settings->limits : settings->limits_before_login);
  stream_.set_timeout_ms(account_ ? settings->idle_timeout_ms : settings->login_timeout_ms);
}

void Session::stop() {
  stopping_ = true;
  stream_.interrupt();
}

// ---- the session's life -----------------------------------------------------------------------------

Task<void> Session::run() {
  log::Event("imap.connect").with("sid", id_).with("peer", stream_.peer_address()).information();
  const bool started = co_await start();
  if (started) co_await serve();
  if (!stream_.broken()) co_await flush();
  log_end();
  selected_.reset();
}

Task<bool> Session::start() {
  if (tls_first_) {
    const auto tls = server_.tls();
    auto secured = co_await stream_.start_tls_server(*tls);
    if (!secured) {
      log::Event("imap.tls.failed").with("sid", id_).with("error", secured.error().text).notice();
      co_return false;
    }
  }
  untagged("OK [CAPABILITY " + server_.capabilities(*this) + "] " + server_.settings()->banner);
  co_return true;
}

Task<void> Session::serve() {
  while (!finished_) {
    const auto input = co_await next_command();
    if (input == Input::ended) co_return;
    co_await execute();
    framer_.reset();
    // Who sends commands and does not read the answers is not listened to either.
    const bool goes_on = co_await breathe();
    if (!goes_on) co_return;
    if (stopping_ && !finished_) {
      untagged("BYE [UNAVAILABLE] The server is going down, please connect again");
      co_return;
    }
  }
}

Task<Session::Input> Session::next_command() {
  using State = CommandFramer::State;
  for (;;) {
    const auto buffered = stream_.peek();
    if (!buffered.empty()) stream_.skip(framer_.feed(buffered));
    if (framer_.state() == State::continuation) {
      write("+ OK\r\n");
      framer_.resume();
    } else if (framer_.state() != State::more) {
      co_return Input::command;
    }
    if (!stream_.peek().empty()) continue;
    if (!account_) {
      const auto left_ms = login_until_ms_ - monotonic_ms();
      if (left_ms <= 0) {
        untagged("BYE Login took too long");
        co_return Input::ended;
      }
      stream_.set_timeout_ms(left_ms);
    }
    auto filled = co_await stream_.fill();
    if (!filled) {
      if (is_interrupt(filled.error()) && !stopping_) continue;
      co_return input_error(filled.error());
    }
    if (!*filled) co_return Input::ended;
  }
}

Task<bool> Session::finish_command() {
  const auto input = co_await next_command();
  if (input == Input::ended) finished_ = true;
  co_return input == Input::command;
}

Session::Input Session::input_error(const Error& error) {
  if (stopping_) {
    untagged("BYE [UNAVAILABLE] The server is going down, please connect again");
  } else if (is_timeout(error)) {
    untagged(account_ ? "BYE Autologout: nothing was heard for too long" : "BYE Login took too long");
  }
  return Input::ended;
}

// ---- one command --------------------------------------------------------------------------------------

Task<void> Session::execute() {
  using State = CommandFramer::State;
  ++commands_;
  const std::string tag(framer_.tag().empty() ? "*" : framer_.tag());
  if (framer_.state() == State::fatal) {
    untagged("BYE " + framer_.problem());
    finished_ = true;
    co_return;
  }
  Answer problem;
  if (framer_.state() == State::failed) {
    problem = Answer::bad("[TOOBIG] " + framer_.problem());
    tagged(tag, problem);
    count_bad(problem);
    co_return;
  }
  Command command{.tag = {}, .name = {}, .arguments = Scanner(framer_.text())};
  const CommandSpec* spec = nullptr;
  if (!find_command(command, spec, problem)) {
    tagged(tag, problem);
    count_bad(problem);
    // A message that nobody wants: its literal cannot be told from commands any more.
    if (framer_.state() == State::message && !framer_.message_is_synchronizing()) {
      untagged("BYE Out of step after a literal that was not expected");
      finished_ = true;
    }
    co_return;
  }
  if (!is_shut_out()) co_await perform(*spec, std::move(command));
}

// A session may last for days: whoever was made inactive meanwhile is sent away at his next command.
bool Session::is_shut_out() {
  if (!account_ || account_->dn.empty() || monotonic_ms() < look_again_ms_) return false;
  const auth::Peer who{
      .service = auth::Service::imap, .address = stream_.peer_address(), .tls = stream_.is_tls()};
  const auto answer = server_.logins().standing().check(account_->dn, account_->user, who);
  look_again_ms_ = monotonic_ms() + (answer.fresh ? kLookAgainMs : kAnswerIsComingMs);
  if (answer.verdict.allowed) return false;
  const auto& failure = answer.verdict.failure;
  log::Event("imap.shut_out").with("sid", id_).with("why", failure.for_log).notice();
  untagged("BYE [CONTACTADMIN] " + failure.for_client);
  finished_ = true;
  return true;
}

// Tag, name and state; false with the answer to give.
bool Session::find_command(Command& command, const CommandSpec*& spec, Answer& problem) {
  auto& in = command.arguments;
  const auto parse_name = [&]() -> Result<std::string> {
    TRY(command.tag, in.tag());
    TRY_VOID(in.space());
    TRY(const auto word, in.word());
    auto name = std::string(word);
    if (!iequals(name, "UID")) return name;
    command.by_uid = true;
    TRY_VOID(in.space());
    TRY(const auto second, in.word());
    return "UID " + std::string(second);
  };
  const auto name = parse_name();
  if (!name) {
    problem = bad_syntax(name.error());
    return false;
  }
  spec = imap::find_command(*name);
  if (!spec) {
    problem = Answer::bad("Unknown command " + printable(*name, 40));
    return false;
  }
  command.name = spec->name;
  if (spec->phases & static_cast<unsigned>(phase())) return true;
  const bool early = phase() == Phase::connected;
  const bool needs_mailbox = spec->phases == static_cast<unsigned>(Phase::selected);
  problem = Answer::bad(std::string(spec->name) + (early           ? " is not allowed before login"
                                                   : needs_mailbox ? " needs a selected mailbox"
                                                                   : " is not allowed after login"));
  return false;
}

Task<void> Session::perform(const CommandSpec& spec, Command command) {
  const std::string tag(command.tag);
  auto answer = co_await spec.handler(*this, command);
  if (stream_.broken()) {
    finished_ = true;
    co_return;
  }
  if (spec.updates != CommandSpec::Updates::none && selected_ && !finished_)
    co_await report_changes(spec.updates == CommandSpec::Updates::all, command.by_uid);
  tagged(tag, answer);
  count_bad(answer);
  if (std::exchange(tls_wanted_, false)) co_await upgrade_to_tls();
}

Task<void> Session::upgrade_to_tls() {
  const bool told = co_await flush();
  const auto tls = server_.tls();
  auto secured = co_await stream_.start_tls_server(*tls);
  if (told && secured) co_return;
  log::Event("imap.tls.failed")
      .with("sid", id_)
      .with("error", secured ? "connection lost" : secured.error().text)
      .notice();
  finished_ = true;
}

void Session::tagged(std::string_view tag, const Answer& answer) {
  static constexpr std::string_view words[] = {" OK ", " NO ", " BAD "};
  write(tag);
  write(words[static_cast<int>(answer.kind)]);
  write(answer.text);
  write("\r\n");
}

void Session::count_bad(const Answer& answer) {
  bad_in_a_row_ = answer.kind == Answer::Kind::bad ? bad_in_a_row_ + 1 : 0;
  if (bad_in_a_row_ < kMaxBadInARow) return;
  untagged("BYE Too many commands that make no sense");
  finished_ = true;
}

// ---- for the handlers ---------------------------------------------------------------------------------

void Session::untagged(std::string_view text) {
  write("* ");
  write(text);
  write("\r\n");
}

Task<bool> Session::flush() {
  auto sent = co_await stream_.flush();
  co_return sent.has_value();
}

Task<bool> Session::breathe() {
  if (stream_.pending_output() < Stream::kHighWater) co_return true;
  auto sent = co_await stream_.flush();
  // The kernel may take everything at once; the loop's other sessions still get their turn.
  if (sent) co_await stream_.loop().sleep(0);
  co_return sent.has_value();
}

void Session::deselect(bool announced) {
  if (!selected_) return;
  selected_.reset();
  if (announced && rev2_) untagged("OK [CLOSED] Previous mailbox is closed");
}

void Session::enable_condstore() {
  if (condstore_) return;
  condstore_ = true;
  if (selected_)
    untagged("OK [HIGHESTMODSEQ " + std::to_string(selected_->view->highestmodseq()) + "] CONDSTORE is on");
}

std::string Session::name_on_wire(std::string_view folder) const {
  const auto name = wire_name(folder, rev2_);
  std::string text;
  if (!rev2_) {
    mail::append_imap_string(text, name);
    return text;
  }
  // Quoted strings may hold UTF-8 in IMAP4rev2.
  text += '"';
  for (const char c : name) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

Result<store::MailboxName> Session::mailbox_named(std::string_view wire) const {
  TRY(const auto folder, imap::mailbox_name(wire, rev2_));
  return store::MailboxName::make(account_->user, folder);
}

void Session::log_end() {
  log::Event event("imap.end");
  event.with("sid", id_);
  if (account_) event.with("user", account_->user);
  event.with("commands", commands_)
      .with("in", static_cast<std::int64_t>(stream_.bytes_in()))
      .with("out", static_cast<std::int64_t>(stream_.bytes_out()))
      .information();
}

}  // namespace waxwing::imap
