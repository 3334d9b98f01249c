#include "channels/resubmit/resubmit.h"

#include "channels/resubmit/again.h"
#include "common/mail/header.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

constexpr std::size_t kStartBytes = 64 * 1024;
// "@hold-daemon:joe@example.test" was sent to the hold channel by its route; without it, it is joe's again.
std::string without_own_route(const mta::MtaConfig& config, const std::string& address) {
  const auto colon = address.find(':');
  if (!address.starts_with('@') || colon == std::string::npos) return address;
  const auto* channel = config.channel_of_host(address.substr(1, colon - 1));
  const bool own = channel != nullptr && (channel->name() == "hold" || channel->name() == "process" ||
                                          channel->name() == "reprocess");
  return own ? address.substr(colon + 1) : address;
}

}  // namespace

Resubmit::Resubmit(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
    : MarkedChannel(context, "2.5.0 had been queued again"), submitter_(std::move(submitter)) {}

Result<std::unique_ptr<Channel>> Resubmit::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  return std::unique_ptr<Channel>(new Resubmit(context, std::move(submitter)));
}

// A list that somebody's session left to us: a submission of its own, since its header and text are the list's.
Task<void> Resubmit::deliver_list(Work& work, std::size_t index) {
  const auto& envelope = work.envelope();
  const auto& recipient = envelope.recipients[index];
  auto read = [&work] { return work.message().read_message(0, kStartBytes); };
  auto start = co_await context_.workers().run(read);
  if (!start) {
    work.deferred(index, "4.3.0 " + start.error().text);
    co_return;
  }
  auto approved = mail::unfold(mail::HeaderBlock::scan(*start).value("Approved").value_or(""));
  auto submission = begin_again(context_, submitter_, work);
  auto options = sender_options(envelope, work.message().message_size());
  auto verdict = co_await submission.sender(envelope.sender, std::move(options));
  if (verdict.ok()) {
    auto wishes = mta::wishes_of(recipient);
    auto answer = co_await submission.list(recipient.address, std::move(wishes), recipient.final_data,
                                           std::move(approved));
    verdict = answer;
  }
  if (!verdict.ok()) {
    judge(work, index, verdict);
    co_return;
  }
  const std::vector<std::size_t> only{index};
  co_await send_message(work, submission, only);
}

Task<void> Resubmit::pass(Work& work, std::vector<std::size_t> recipients) {
  const auto& envelope = work.envelope();
  std::vector<std::size_t> plain;
  for (const auto i : recipients) {
    if (envelope.recipients[i].final_data.empty())
      plain.push_back(i);
    else
      co_await deliver_list(work, i);
  }
  if (!plain.empty()) co_await deliver_plain(work, plain);
}

Task<void> Resubmit::deliver_plain(Work& work, const std::vector<std::size_t>& recipients) {
  const auto& envelope = work.envelope();
  auto submission = begin_again(context_, submitter_, work);
  auto options = sender_options(envelope, work.message().message_size());
  auto verdict = co_await submission.sender(envelope.sender, std::move(options));
  if (!verdict.ok()) {
    for (const auto i : recipients) judge(work, i, verdict);
    co_return;
  }
  std::vector<std::size_t> accepted;
  for (const auto i : recipients) {
    const auto& recipient = envelope.recipients[i];
    auto wishes = mta::wishes_of(recipient);
    auto address = without_own_route(*submitter_->config(), recipient.address);
    auto answer = co_await submission.recipient(std::move(address), std::move(wishes));
    if (answer.ok())
      accepted.push_back(i);
    else
      judge(work, i, answer);
  }
  if (!accepted.empty()) co_await send_message(work, submission, accepted);
}

Task<void> Resubmit::send_message(Work& work, mta::Submission& submission,
                                  const std::vector<std::size_t>& accepted) {
  submission.add_trace(trace_line(context_.channel(), submitter_->config()->local_host(), work.queue_id(),
                                  submission.list_trace()));
  TakenMark mark(taken_);
  mark.add(unit_of(work), accepted);
  submission.commit_with(&mark);
  auto bytes = bytes_of(work.message());
  auto verdict = co_await send_bytes(context_, submission, std::move(bytes));
  judge_sent(work, accepted, verdict, "2.5.0 queued again", submission.queue_id());
}

}  // namespace waxwing::channels
