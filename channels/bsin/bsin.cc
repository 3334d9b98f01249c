#include "channels/bsin/bsin.h"

#include <algorithm>

#include "channels/resubmit/again.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/mime.h"
#include "common/mail/smtp_data.h"
#include "common/mail/transfer_coding.h"
#include "mta/config/mta_config.h"
#include "mta/queue/writer.h"

namespace waxwing::channels {

namespace {

constexpr std::string_view kTransaction = "transaction";  // in the flags of what was taken out of a batch
constexpr std::uint64_t kMostBytes = 64 << 20;            // of a batch: it is in memory
constexpr std::size_t kPieceBytes = 64 * 1024;

// The text of all batches in the message. Permanent error: there is none, or it cannot be read.
Result<std::string> batch_text(std::string_view message) {
  const auto mime = mail::parse_mime(message);
  std::string text;
  bool found = false;
  for (const auto& part : mime.parts) {
    if (!part.is("application", "batch-smtp")) continue;
    auto decoded = mail::decoded_part(mime, part);
    if (!decoded.well_formed) return permanent("the batch's encoding is unknown, or it is damaged");
    if (found) return permanent("the message has more than one part application/batch-SMTP");
    text = std::move(decoded.bytes);
    found = true;
  }
  if (!found) return permanent("the message has no part application/batch-SMTP");
  return text;
}

mta::queue::Envelope envelope_of(const BatchTransaction& transaction, const std::string& channel) {
  mta::queue::Envelope envelope;
  const auto& options = transaction.mail.options;
  envelope.email_id = "M" + unique_id();
  envelope.channel = envelope.source_channel = channel;
  envelope.sender = transaction.mail.address;
  envelope.envelope_id = options.envelope_id;
  envelope.ret = options.ret;
  envelope.body = options.body_8bit ? "8BITMIME" : "";
  envelope.smtputf8 = options.smtputf8;
  for (const auto& each : transaction.recipients) {
    auto& recipient = envelope.recipients.emplace_back();
    recipient.address = each.address;
    recipient.original = each.options.original.empty() ? "rfc822;" + each.address : each.options.original;
    recipient.notify = each.options.notify;
    recipient.host = channel;
    recipient.flags = kTransaction;
  }
  return envelope;
}

}  // namespace

struct Bsin::Apart {
  std::vector<std::unique_ptr<mta::queue::Writer>> writers;
  std::vector<mta::queue::Writer::Content> contents;
};

Bsin::Bsin(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
    : MarkedChannel(context, "2.5.0 had been queued"), submitter_(std::move(submitter)), workers_(1) {}

Result<std::unique_ptr<Channel>> Bsin::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  return std::unique_ptr<Channel>(new Bsin(context, std::move(submitter)));
}

BatchLimits Bsin::limits() const {
  BatchLimits limits;
  limits.transactions = static_cast<std::size_t>(
      std::clamp<std::int64_t>(context_.daemon().config()->number("bsmtp.maxtransactions"), 1, 1000));
  return limits;
}

Task<void> Bsin::pass(Work& work, std::vector<std::size_t> recipients) {
  if (work.envelope().recipients[recipients.front()].has_flag(kTransaction))
    co_await submit(work, std::move(recipients));
  else
    co_await take_apart(work, recipients);
}

Result<> Bsin::write_transaction(const BatchTransaction& transaction, Apart& apart) const {
  TRY(auto writer, mta::queue::Writer::create(context_.queue()));
  mail::DataDecoder decoder(mail::DataDecoder::BareEnds::refuse);
  for (auto rest = transaction.data; !rest.empty() && !decoder.done();) {
    std::string bytes;
    rest.remove_prefix(decoder.feed(rest.substr(0, kPieceBytes), bytes));
    TRY_VOID(writer.write(bytes));
  }
  apart.writers.push_back(std::make_unique<mta::queue::Writer>(std::move(writer)));
  apart.contents.push_back({apart.writers.back().get(), {envelope_of(transaction, context_.channel())}});
  return {};
}

// Permanent error: the batch is malformed.
Result<std::unique_ptr<Bsin::Apart>> Bsin::write_apart(Work& work, const BatchLimits& limits) const {
  const auto size = work.message().message_size();
  if (size > kMostBytes) return permanent("the message has more than 64 MB");
  TRY(const auto message, work.message().read_message(0, static_cast<std::size_t>(size)));
  TRY(const auto text, batch_text(message));
  TRY(const auto transactions, parse_batch(text, limits));
  auto apart = std::make_unique<Apart>();
  for (const auto& transaction : transactions) TRY_VOID(write_transaction(transaction, *apart));
  return apart;
}

Task<void> Bsin::take_apart(Work& work, const std::vector<std::size_t>& recipients) {
  const auto most = limits();
  auto write = [&] { return write_apart(work, most); };
  auto apart = co_await workers_.run(write);
  if (!apart) {
    const auto& error = apart.error();
    log::Event("bsmtp.batch.refused").with("qid", work.queue_id()).with("why", error.text).warning();
    if (error.fault != Fault::permanent)
      for (const auto i : recipients) work.deferred(i, "4.3.0 " + error.text);
    else if (work.envelope().sender.empty())  // nobody could be told
      work.hold("malformed batch: " + error.text);
    else
      for (const auto i : recipients)
        work.failed(i, "5.6.0 malformed batch, nothing of it was done: " + error.text);
    co_return;
  }
  auto& made = **apart;
  const auto count = made.contents.size();
  const auto first = made.writers.front()->queue_id();
  TakenMark mark(taken_);
  mark.add(unit_of(work), recipients);
  auto publishing = mta::queue::Writer::publish_all(std::move(made.contents), &context_.workers(), &mark);
  auto published = co_await std::move(publishing);
  if (!published) {
    for (const auto i : recipients) work.deferred(i, "4.3.0 " + published.error().text);
    co_return;
  }
  log::Event("bsmtp.batch.taken_apart")
      .with("qid", work.queue_id())
      .with("transactions", static_cast<std::int64_t>(count))
      .with("first", first)
      .information();
  for (const auto i : recipients) work.queued_as(i, "2.5.0 taken apart", first);
}

Task<void> Bsin::submit(Work& work, std::vector<std::size_t> recipients) {
  const auto& envelope = work.envelope();
  mta::Source source;
  source.channel = context_.channel();
  source.session_id = work.queue_id();
  source.esmtp = true;
  mta::Submission submission(submitter_, std::move(source));
  auto options = sender_options(envelope, work.message().message_size());
  auto sender = envelope.sender;
  auto verdict = co_await submission.sender(std::move(sender), std::move(options));
  if (!verdict.ok()) {
    submission.record_refusal("", verdict);
    for (const auto i : recipients) judge(work, i, verdict);
    co_return;
  }
  std::vector<std::size_t> accepted;
  for (const auto i : recipients) {
    const auto& recipient = envelope.recipients[i];
    auto wishes = mta::wishes_of(recipient);
    auto address = recipient.address;
    auto answer = co_await submission.recipient(std::move(address), std::move(wishes));
    if (answer.ok()) {
      accepted.push_back(i);
      continue;
    }
    submission.record_refusal(recipient.address, answer);
    judge(work, i, answer);
  }
  if (!accepted.empty()) co_await send(work, submission, accepted);
}

Task<void> Bsin::send(Work& work, mta::Submission& submission, const std::vector<std::size_t>& accepted) {
  TakenMark mark(taken_);
  mark.add(unit_of(work), accepted);
  submission.commit_with(&mark);
  submission.add_trace(trace_line(context_.channel(), submitter_->config()->local_host(), work.queue_id()));
  auto bytes = bytes_of(work.message());
  auto verdict = co_await send_bytes(context_, submission, std::move(bytes));
  if (!verdict.ok()) submission.record_refusal("", verdict);
  judge_sent(work, accepted, verdict, "2.5.0 queued", submission.queue_id());
}

}  // namespace waxwing::channels
