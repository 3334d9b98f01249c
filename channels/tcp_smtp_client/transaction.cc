#include "channels/tcp_smtp_client/transaction.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/address.h"
#include "common/mail/smtp_data.h"

namespace waxwing::channels::smtp {

namespace {
constexpr std::size_t kBatch = 100;  // RFC 5321 §4.5.3.1.8: every server takes that many
constexpr std::size_t kPieceBytes = 64 * 1024;

// CR and LF cannot stand in an envelope; if one did, it would be a command of its own.
bool fits_a_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}
}  // namespace

Transaction::Transaction(Connection& connection, Work& work, Outgoing& message,
                         std::vector<std::size_t> batch)
    : connection_(connection), work_(work), message_(message), batch_(std::move(batch)) {}

void Transaction::settle(std::size_t recipient, const mta::Verdict& reply) {
  const auto text = reply_text(reply);
  const auto& host = connection_.target_.name;
  const bool knows_time = work_.envelope().deliver_by_ms == 0 || connection_.features_.deliverby;
  if (reply.code >= 500)
    work_.failed(recipient, text, host);
  else if (reply.code >= 400)
    later(recipient, reply);
  else if (connection_.features_.dsn)
    work_.delivered_with_dsn(recipient, text, host);
  else
    work_.delivered(recipient, text, host);
  if (reply.ok()) ++connection_.delivered_;
  if (reply.ok() && !knows_time) work_.deadline_lost(recipient);
}

// Who greylists says when to come back, and means the first tries only. Some do not say when: most take it after five
// minutes.
void Transaction::later(std::size_t recipient, const mta::Verdict& reply) {
  constexpr unsigned kTimes = 4;
  constexpr std::int64_t kUsualMs = 5 * 60 * 1000;
  work_.deferred(recipient, reply_text(reply), connection_.target_.name);
  if (work_.attempts() >= kTimes) return;
  const auto wait_s = greylisting_s(reply.text);
  if (wait_s == 0)
    work_.retry_by(wall_ms() + kUsualMs);
  else if (wait_s)
    work_.retry_at(wall_ms() + *wait_s * 1000);
}

void Transaction::settle(const mta::Verdict& reply) {
  for (const auto i : accepted_) settle(i, reply);
  accepted_.clear();
}

void Transaction::refuse_all(const mta::Verdict& reply) {
  for (const auto i : batch_) settle(i, reply);
}

// The connection broke: whoever has no answer yet is tried again later. After the final dot this may mean a
// second copy; RFC 1047 knows no better.
void Transaction::lost(const std::string& text) {
  for (const auto i : batch_)
    if (work_.verdict(i).kind == Work::Kind::none) work_.deferred(i, text, connection_.target_.name);
  again_.clear();
}

Task<Result<>> Transaction::read_rcpts() {
  const auto timeout = connection_.settings_->options.status_rcpt_receive_ms;
  for (const auto i : batch_) {
    connection_.step("RCPT");
    if (!pipelined()) {
      connection_.say(rcpt_line(work_.envelope().recipients[i], connection_.features_,
                                connection_.settings_->remove_routes));
    }
    auto got = co_await connection_.read_reply(timeout);
    CO_TRY(auto reply, std::move(got));
    work_.moved();
    if (mail_refused_) continue;
    const bool too_many = reply.code == 452 && !accepted_.empty();
    if (reply.ok())
      accepted_.push_back(i);
    else if (too_many)
      again_.push_back(i);
    else
      settle(i, reply);
  }
  co_return Result<>();
}

Task<Result<>> Transaction::envelope() {
  const auto& settings = *connection_.settings_;
  auto mail = mail_line(work_.envelope(), message_.size_bytes(), message_.body(), connection_.features_,
                        needs_utf8_, wall_ms());
  if (settings.pass_auth && connection_.authenticated_) mail += auth_parameter(work_.envelope());
  connection_.step("MAIL");
  connection_.say(mail);
  if (pipelined()) {
    for (const auto i : batch_)
      connection_.say(
          rcpt_line(work_.envelope().recipients[i], connection_.features_, settings.remove_routes));
    // With BDAT the bytes would follow at once: wait to hear that somebody wants them.
    data_asked_ = data_goes_along() && !(settings.chunking && connection_.features_.chunking);
    if (data_asked_) connection_.say("DATA");
  }
  auto got = co_await connection_.read_reply(settings.options.status_mail_receive_ms);
  CO_TRY(auto reply, std::move(got));
  answered_ = true;
  work_.moved();
  if (!reply.ok()) {
    mail_refused_ = true;
    refuse_all(reply);
    if (reply.temporary()) work_.host_is_congested();
    if (!pipelined()) co_return Result<>();
  }
  auto rcpts = co_await read_rcpts();
  co_return rcpts;
}

Task<Result<>> Transaction::send_chunk() {
  auto& stream = connection_.stream_;
  const auto size = message_.size_bytes();
  stream.set_timeout_ms(connection_.settings_->options.data_transmit_ms);
  connection_.say(fmt::format("BDAT {} LAST", size));
  for (std::uint64_t at = 0; at < size;) {
    connection_.step("message");
    auto piece = message_.read(at, kPieceBytes);
    CO_TRY(auto bytes, std::move(piece));
    if (bytes.empty()) co_return temporary("4.3.0 the queue file ends early");
    at += bytes.size();
    stream.write(bytes);
    auto flushed = co_await stream.flush();
    CO_TRY_VOID(flushed);
    work_.moved();
  }
  co_return Result<>();
}

// A message that came as BINARYMIME may hold bare CR and LF. There are hosts that take one for the end of a
// line, and "LF . LF" for the end of the message, and what follows for our next command: on the wire every
// line ends in CRLF.
Task<Result<>> Transaction::send_data() {
  auto& stream = connection_.stream_;
  stream.set_timeout_ms(connection_.settings_->options.data_transmit_ms);
  mail::CrlfLines lines;
  mail::DotStuffer stuffer;
  std::string text, out;
  for (std::uint64_t at = 0;;) {
    connection_.step("message");
    auto piece = message_.read(at, kPieceBytes);
    CO_TRY(auto bytes, std::move(piece));
    if (bytes.empty()) break;
    at += bytes.size();
    text.clear();
    lines.feed(bytes, text);
    out.clear();
    stuffer.feed(text, out);
    stream.write(out);
    if (stream.pending_output() < kPieceBytes) continue;
    auto flushed = co_await stream.flush();
    CO_TRY_VOID(flushed);
    work_.moved();
  }
  out.clear();
  stuffer.finish(out);
  stream.write(out);
  co_return Result<>();
}

Task<Result<>> Transaction::message() {
  const auto& options = connection_.settings_->options;
  const bool chunking = connection_.settings_->chunking && connection_.features_.chunking;
  if (chunking) {
    if (accepted_.empty()) co_return Result<>();
    auto sent = co_await send_chunk();
    CO_TRY_VOID(sent);
  } else {
    if (!data_asked_ && accepted_.empty()) co_return Result<>();
    if (!data_asked_) connection_.say("DATA");
    connection_.step("DATA");
    auto got = co_await connection_.read_reply(options.status_data_receive_ms);
    CO_TRY(auto go_on, std::move(got));
    if (go_on.code != 354) {
      if (go_on.ok())
        go_on = {451, "4.5.0", "unexpected answer to DATA: " + std::to_string(go_on.code) + " " + go_on.text};
      settle(go_on);
      co_return Result<>();
    }
    if (accepted_.empty()) {
      // The peer took DATA without a recipient: an empty message ends it.
      connection_.stream_.write(".\r\n");
      auto ended = co_await connection_.read_reply(options.status_data_receive_ms);
      CO_TRY(auto ignored, std::move(ended));
      (void)ignored;
      ended_ = true;
      co_return Result<>();
    }
    auto sent = co_await send_data();
    CO_TRY_VOID(sent);
  }
  connection_.step("answer");
  const auto recipients = static_cast<std::int64_t>(accepted_.size());
  const auto blocks = static_cast<std::int64_t>(message_.size_bytes() / 1024);
  auto got = co_await connection_.read_reply(answer_wait_ms(options, recipients, blocks));
  CO_TRY(auto reply, std::move(got));
  ended_ = true;
  settle(reply);
  co_return Result<>();
}

Task<bool> Transaction::run() {
  auto header = work_.message().read_header();
  const bool ascii_envelope =
      mail::is_ascii(work_.envelope().sender) && std::ranges::all_of(batch_, [&](std::size_t i) {
        return mail::is_ascii(work_.envelope().recipients[i].address);
      });
  const bool wide_header = header && !mail::is_ascii(*header) && !connection_.settings_->utf8_header;
  needs_utf8_ = !ascii_envelope || (work_.envelope().smtputf8 && wide_header);
  if (needs_utf8_ && !connection_.features_.utf8) {
    refuse_all({553, "5.6.7", "the address or header needs SMTPUTF8, which the next host does not offer"});
    co_return true;
  }
  auto said = co_await envelope();
  const bool more = said && !(mail_refused_ && !data_asked_);
  if (more) said = co_await message();
  if (said) {
    if (ended_ || !connection_.usable()) co_return true;
    // The message never came to its end: the transaction is still open at the peer.
    connection_.step("RSET");
    auto reset = co_await connection_.ask("RSET", connection_.settings_->options.status_mail_receive_ms);
    (void)reset;
    co_return true;
  }
  connection_.usable_ = false;
  if (!answered_) co_return false;
  lost(said.error().text);
  co_return true;
}

// Why this host will never take this message; empty when it may.
std::string Connection::obstacle(const mta::queue::Envelope& envelope, std::uint64_t size_bytes) const {
  if (auto missing = missing_feature(envelope, features_, settings_->must_prioritize); !missing.empty())
    return missing;
  if (features_.size_limit == 0 || size_bytes <= features_.size_limit) return "";
  return fmt::format("5.3.4 the message has {} bytes, {} takes {}", size_bytes, target_.name,
                     features_.size_limit);
}

Task<Connection::Outcome> Connection::deliver(Work& work, WorkerPool& workers) {
  ++transactions_;
  work.set_wire(wire());
  work.step().with(where());
  step_ = &work.step();
  const auto outcome = co_await serve(work, workers);
  step_ = nullptr;
  co_return outcome;
}

Task<Connection::Outcome> Connection::serve(Work& work, WorkerPool& workers) {
  const auto& envelope = work.envelope();
  Outgoing message(work);
  const auto suited = co_await message.suit(features_, *settings_, workers);
  if (!suited) {
    if (suited.error().fault == Fault::permanent)
      work.fail_rest(suited.error().text, target_.name);
    else
      work.defer_rest(suited.error().text, target_.name);
    co_return Outcome::done;
  }
  if (const auto why = obstacle(envelope, message.size_bytes()); !why.empty()) {
    work.fail_rest(why, target_.name);
    co_return Outcome::done;
  }
  std::vector<std::size_t> rest;
  for (const auto i : work.pending()) {
    if (fits_a_line(envelope.recipients[i].address) && fits_a_line(envelope.sender))
      rest.push_back(i);
    else
      work.failed(i, "5.1.3 the address cannot be sent");
  }
  if (settings_->verify != ClientSettings::Verify::no) {
    const auto verified = co_await verify(work, rest);
    if (!verified) co_return Outcome::stale;
  }
  const auto outcome = co_await transact(work, message, std::move(rest));
  co_return outcome;
}

// As many transactions as the recipients need: some hosts take few at a time.
Task<Connection::Outcome> Connection::transact(Work& work, Outgoing& message, std::vector<std::size_t> rest) {
  const auto most =
      features_.most_recipients > 0 ? std::min<std::size_t>(kBatch, features_.most_recipients) : kBatch;
  for (bool first = true; !rest.empty(); first = false) {
    const auto end = rest.begin() + static_cast<std::ptrdiff_t>(
                                        batch_size(work.envelope(), rest, most, features_.most_domains));
    Transaction transaction(*this, work, message, {rest.begin(), end});
    rest.erase(rest.begin(), end);
    const bool answered = co_await transaction.run();
    if (!answered) {
      if (first) co_return Outcome::stale;
      break;
    }
    rest.insert(rest.begin(), transaction.again().begin(), transaction.again().end());
    if (!usable()) break;
  }
  work.defer_rest("4.4.2 " + where() + " closed the connection", target_.name);
  co_return Outcome::done;
}

}  // namespace waxwing::channels::smtp
