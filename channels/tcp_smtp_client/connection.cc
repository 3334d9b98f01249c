#include "channels/tcp_smtp_client/connection.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::channels::smtp {

namespace {
constexpr std::size_t kReplyLineBytes = 4096;  // RFC 5321 says 512; real ones are longer
constexpr std::int64_t kConnectMs = 60000;
constexpr std::int64_t kQuitMs = 5000;

}  // namespace

Connection::Connection(Stream stream, mta::Target target, std::shared_ptr<const ClientSettings> settings,
                       Security security)
    : stream_(std::move(stream)),
      target_(std::move(target)),
      settings_(std::move(settings)),
      security_(security),
      transport_(fmt::format("TCP|{}|{}|{}|{}", stream_.local_address(), stream_.local_port(),
                             target_.address, target_.port)) {}

Task<Result<std::unique_ptr<Connection>>> Connection::open(EventLoop& loop, mta::Target target,
                                                           std::shared_ptr<const ClientSettings> settings,
                                                           Security security, Step& step) {
  step.with(fmt::format("{} [{}]", target.name, target.address));
  step.is("connect");
  auto from = local_address_for(*settings, target.address);
  if (!from)
    co_return temporary(
        fmt::format("4.4.1 {} [{}]: the channel's interfaceaddress has no address of that family",
                    target.name, target.address));
  auto stream = co_await connect_tcp(loop, target.address, target.port, kConnectMs, std::move(*from));
  if (!stream) {
    auto why = fmt::format("4.4.1 connect to {} [{}]:{}: {}", target.name, target.address, target.port,
                           stream.error().text);
    record_failure(*settings, target, why);
    co_return temporary(std::move(why));
  }
  auto connection =
      std::make_unique<Connection>(std::move(*stream), std::move(target), std::move(settings), security);
  connection->step_ = &step;
  auto greeted = co_await connection->greet();
  connection->step_ = nullptr;
  if (!greeted) {
    connection->record('X', greeted.error().text);
    connection->stream_.close();
    co_return std::unexpected(std::move(greeted.error()));
  }
  connection->opened_ = true;
  connection->record('O');
  co_return connection;
}

// The time is for the whole reply: a peer that says "250-" again and again keeps nobody for days.
Task<Result<mta::Verdict>> Connection::read_reply(std::int64_t timeout_ms) {
  mta::protocol::ReplyReader reader;
  const auto until_ms = monotonic_ms() + timeout_ms;
  for (;;) {
    stream_.set_timeout_ms(std::max<std::int64_t>(until_ms - monotonic_ms(), 0));
    auto line = co_await stream_.read_line(kReplyLineBytes, LineEnd::crlf_or_lf);
    if (!line) {
      usable_ = false;
      co_return temporary(fmt::format("4.4.2 {}: {}", where(), line.error().text));
    }
    wire("in", *line);
    auto whole = reader.feed(*line);
    if (!whole) {
      usable_ = false;
      co_return temporary(fmt::format("4.5.0 {}: {}", where(), whole.error().text));
    }
    if (*whole) break;
  }
  auto reply = reader.take();
  if (reply.code == 421) {
    usable_ = false;
    farewell_ = reply_text(reply);
  }
  co_return reply;
}

// master_debug. What is said in AUTH may be a password.
void Connection::wire(std::string_view direction, std::string_view text) const {
  if (!settings_->debug) return;
  const bool secret = hides_ || (direction == "out" && istarts_with(text, "AUTH "));
  log::Event("smtp_client.wire")
      .with("peer", transport_)
      .with(direction, secret && direction == "out" ? "AUTH ..." : printable(text, 2000))
      .notice();
}

void Connection::say(std::string_view line) {
  wire("out", line);
  stream_.write(line);
  stream_.write("\r\n");
}

Task<Result<mta::Verdict>> Connection::ask(std::string line, std::int64_t timeout_ms) {
  say(line);
  auto reply = co_await read_reply(timeout_ms);
  co_return reply;
}

Task<Result<>> Connection::hello() {
  const bool extended =
      settings_->ehlo && (!settings_->only_if_esmtp || ifind(greeting_, "ESMTP") != std::string::npos);
  features_ = {};
  const auto timeout = settings_->options.status_mail_receive_ms;
  step(extended ? "EHLO" : "HELO");
  if (extended) {
    auto reply = co_await ask("EHLO " + settings_->helo, timeout);
    CO_TRY(auto answer, std::move(reply));
    if (answer.ok()) {
      const auto name = split_words(std::string_view(answer.text).substr(0, answer.text.find('\n')));
      if (settings_->loop_check && !name.empty() && iequals(name[0], settings_->helo))
        co_return permanent(fmt::format("5.4.6 {} says that it is {}: mail loops back to this host", where(),
                                        settings_->helo));
      features_ = parse_features(answer.text);
      if (!settings_->dsn) features_.dsn = false;
      features_.extended = true;
      co_return Result<>();
    }
    if (!usable_) co_return temporary(fmt::format("{} ({})", reply_text(answer), where()));
  }
  auto reply = co_await ask("HELO " + settings_->helo, timeout);
  CO_TRY(auto answer, std::move(reply));
  if (!answer.ok()) co_return temporary(fmt::format("4.3.2 {} ({})", reply_text(answer), where()));
  co_return Result<>();
}

Task<Result<>> Connection::secure() {
  step("STARTTLS");
  auto reply = co_await ask("STARTTLS", settings_->options.status_mail_receive_ms);
  CO_TRY(auto answer, std::move(reply));
  if (answer.code != 220) {
    if (security_.policy == TlsPolicy::must)
      co_return temporary(fmt::format("4.7.5 {} refused STARTTLS: {}", where(), reply_text(answer)));
    co_return Result<>();
  }
  step("TLS");
  auto secured = co_await stream_.start_tls_client(*security_.context, target_.name);
  if (!secured) {
    usable_ = false;
    co_return temporary(fmt::format("4.7.5 TLS with {} failed: {}", where(), secured.error().text));
  }
  // What was said in clear is void: RFC 3207 §4.2.
  auto again = co_await hello();
  co_return again;
}

Task<Result<>> Connection::verify(Work& work, std::vector<std::size_t>& recipients) {
  std::vector<std::size_t> known;
  for (const auto i : recipients) {
    std::string_view address = work.envelope().recipients[i].address;
    if (address.starts_with('@')) address.remove_prefix(address.find(':') + 1);
    if (settings_->verify == ClientSettings::Verify::local) address = address.substr(0, address.rfind('@'));
    std::string line = "VRFY ";
    line += address;
    step("VRFY");
    auto asked = co_await ask(std::move(line), settings_->options.status_rcpt_receive_ms);
    CO_TRY(auto answer, std::move(asked));
    // 252, 502 and the like say nothing of the address.
    if (answer.code == 550 || answer.code == 551 || answer.code == 553)
      work.failed(i, reply_text(answer), target_.name);
    else
      known.push_back(i);
  }
  recipients = std::move(known);
  co_return Result<>();
}

Task<Result<>> Connection::greet() {
  step("greeting");
  auto reply = co_await read_reply(settings_->options.status_mail_receive_ms);
  CO_TRY(auto greeting, std::move(reply));
  // A server that refuses everybody today may be mended tomorrow, and another MX may do better.
  if (greeting.code != 220)
    co_return temporary(fmt::format("4.3.2 {} greets with {}", where(), reply_text(greeting)));
  greeting_ = greeting.text;
  auto said = co_await hello();
  CO_TRY_VOID(said);
  const auto [context, policy] = security_;
  if (policy == TlsPolicy::must && (!features_.starttls || !context))
    co_return temporary(fmt::format("4.7.5 TLS is required, but {} does not offer it", where()));
  if (policy != TlsPolicy::never && features_.starttls && context) {
    auto secured = co_await secure();
    CO_TRY_VOID(secured);
  }
  if (settings_->may_auth) {
    step("AUTH");
    auto known = co_await authenticate();
    CO_TRY_VOID(known);
  }
  if (!settings_->etrn_host.empty() && features_.etrn) {
    // Its answer changes nothing here: mail that the peer has for us comes by its own connections.
    step("ETRN");
    auto asked = co_await ask("ETRN " + settings_->etrn_host, settings_->options.status_mail_receive_ms);
    CO_TRY(auto answer, std::move(asked));
    log::Event("smtp_client.etrn").with("host", target_.name).with("reply", reply_text(answer)).information();
  }
  co_return Result<>();
}

Task<void> Connection::quit() {
  if (usable()) {
    usable_ = false;
    auto answer = co_await ask("QUIT", kQuitMs);
    (void)answer;
  }
  stream_.close();
}

}  // namespace waxwing::channels::smtp
