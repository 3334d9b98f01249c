#include "channels/resubmit/again.h"

#include <fmt/format.h>

#include <utility>

#include "channels/resubmit/marked_channel.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/date.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {
constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr unsigned kQuickTries = 10;
constexpr std::int64_t kQuickTryMs = 30'000;

// Addresses may be quoted strings: what would end a field, or the comment it stands in, is left out.
std::string one_line(std::string address) {
  std::erase_if(address, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return address;
}
std::string comment_text(std::string address) {
  address = one_line(std::move(address));
  std::erase_if(address, [](char c) { return c == '(' || c == ')' || c == '\\'; });
  return address;
}

std::string reason(const mta::Verdict& verdict) {
  return fmt::format("{} {}", verdict.status, replace_all(verdict.text, "\n", " "));
}
}  // namespace

std::string trace_line(const std::string& channel, const std::string& host, const std::string& queue_id,
                       const mta::Submission::ListTrace& list) {
  auto line =
      fmt::format("Received: from {}-daemon.{} by {}\r\n (Waxwing) id {}", channel, host, host, queue_id);
  if (!list.sender.empty()) line += "\r\n (original envelope From " + comment_text(list.sender) + ")";
  if (!list.recipient.empty()) line += "\r\n for <" + one_line(list.recipient) + ">";
  return line + "; " + mail::format_local_date(wall_seconds()) + "\r\n";
}

mta::SenderOptions sender_options(const mta::queue::Envelope& envelope, std::uint64_t size_bytes) {
  mta::SenderOptions options;
  options.size_bytes = size_bytes;
  options.body_8bit = envelope.body == "8BITMIME";
  options.body_binary = envelope.body == "BINARYMIME";
  options.smtputf8 = envelope.smtputf8;
  options.envelope_id = envelope.envelope_id;
  options.ret = envelope.ret;
  // It has been released already: what stays is what its sender is told.
  options.future_release = envelope.future_release;
  options.deliver_by_ms = envelope.deliver_by_ms;
  options.by_returns = envelope.by_returns;
  options.by_trace = envelope.by_trace;
  options.mt_priority = envelope.mt_priority;
  options.require_tls = envelope.require_tls;
  options.auth = envelope.submitter;
  return options;
}

mta::Submission begin_again(const MasterContext& context, const std::shared_ptr<mta::Submitter>& submitter,
                            const Work& work, std::string origin) {
  mta::Source source;
  source.origin = std::move(origin);
  source.channel = context.channel();
  source.session_id = work.envelope().session_id;
  source.auth_user = work.envelope().auth_user;
  source.internal = true;
  return mta::Submission(submitter, std::move(source));
}

void judge(Work& work, std::size_t recipient, const mta::Verdict& verdict) {
  if (!verdict.temporary()) return work.failed(recipient, reason(verdict));
  work.deferred(recipient, reason(verdict));
  // The directory is usually back soon, and nobody else is bothered by another try.
  if (work.attempts() < kQuickTries) work.retry_at(wall_ms() + kQuickTryMs);
}

void judge_sent(Work& work, const std::vector<std::size_t>& recipients, const mta::Verdict& verdict,
                const std::string& text, const std::string& queue_id) {
  for (const auto i : recipients) {
    if (verdict.ok())
      work.queued_as(i, text, queue_id);
    else
      judge(work, i, verdict);
  }
}

Onward::Onward(const MasterContext& context, std::shared_ptr<mta::Submitter> submitter, Taken& taken,
               Work& work)
    : context_(context),
      submitter_(std::move(submitter)),
      work_(work),
      mark_(taken),
      submission_(begin_again(context, submitter_, work, work.envelope().source_channel)) {}

void Onward::take_along(Taken::Unit unit, Taken::Recipients recipients) {
  mark_.add(std::move(unit), std::move(recipients));
}

NextBytes bytes_of(const mta::queue::Reader& message) {
  return [&message, at = std::uint64_t{0}]() mutable -> Result<std::string> {
    if (at == message.message_size()) return "";
    TRY(auto piece, message.read_message(at, kPieceBytes));
    if (piece.empty()) return temporary(message.path() + " is cut short");
    at += piece.size();
    return piece;
  };
}

Task<mta::Verdict> send_bytes(const MasterContext& context, mta::Submission& submission, NextBytes next) {
  for (;;) {
    auto read = [&next] { return next(); };
    auto piece = co_await context.workers().run(read);
    if (!piece) co_return mta::Verdict{451, "4.3.0", piece.error().text};
    if (piece->empty()) break;
    auto answer = co_await submission.data(*piece);
    if (!answer.ok()) co_return answer;
  }
  auto verdict = co_await submission.finish();
  co_return verdict;
}

Task<mta::Verdict> Onward::open(std::uint64_t size_bytes) {
  const auto& envelope = work_.envelope();
  auto options = sender_options(envelope, size_bytes);  // see autoreply.cc: no temporary in a co_await
  auto sender = envelope.sender;
  auto verdict = co_await submission_.sender(std::move(sender), std::move(options));
  for (std::size_t i = 0; verdict.ok() && i < recipients_.size(); ++i) {
    auto answer = co_await submission_.resume(envelope.recipients[recipients_[i]]);
    verdict = std::move(answer);
  }
  co_return verdict;
}

Task<mta::Verdict> Onward::send(std::vector<std::size_t> recipients, std::uint64_t size_bytes,
                                NextBytes next) {
  recipients_ = std::move(recipients);
  auto opened = co_await open(size_bytes);
  if (!opened.ok()) co_return opened;
  submission_.add_trace(trace_line(context_.channel(), submitter_->config()->local_host(), work_.queue_id()));
  if (!hold_reason_.empty()) submission_.hold(hold_reason_);
  mark_.add(unit_of(work_), recipients_);
  submission_.commit_with(&mark_);
  auto verdict = co_await send_bytes(context_, submission_, std::move(next));
  co_return verdict;
}

void Onward::settle(const mta::Verdict& verdict, const std::string& text) {
  judge_sent(work_, recipients_, verdict, text, queue_id());
}

Task<void> pass_on(const MasterContext& context, std::shared_ptr<mta::Submitter> submitter, Taken& taken,
                   Work& work, std::vector<std::size_t> recipients, std::string text) {
  Onward onward(context, std::move(submitter), taken, work);
  auto bytes = bytes_of(work.message());
  auto verdict = co_await onward.send(std::move(recipients), work.message().message_size(), std::move(bytes));
  onward.settle(verdict, text);
}

}  // namespace waxwing::channels
