#include "channels/bsout/bsout.h"

#include <fmt/format.h>

#include <algorithm>

#include "channels/resubmit/again.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "common/mail/parameters.h"
#include "mta/config/mta_config.h"
#include "mta/config/postmaster.h"

namespace waxwing::channels {

namespace {
// A batch that came back to where batches are made would be put into the next one for ever.
bool is_batch(std::string_view header) {
  const auto type = mail::HeaderBlock::scan(header).value("Content-Type");
  return type && iequals(mail::parse_parameters(*type).value, "application/batch-smtp");
}
}  // namespace

struct Bsout::Gathering {
  explicit Gathering(EventLoop& loop) : full(loop), done(loop) {}
  std::string address;
  std::vector<Member> members;
  std::uint64_t bytes = 0;
  bool closed = false, ended = false;
  Signal full, done;
};

// Whatever happens, nobody waits for ever.
struct Bsout::Ender {
  Gathering& gathering;
  ~Ender() {
    gathering.ended = true;
    gathering.done.notify_all();
  }
};

Bsout::Bsout(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
    : MarkedChannel(context, "2.5.0 had been put into a batch"), submitter_(std::move(submitter)) {}

Result<std::unique_ptr<Channel>> Bsout::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  return std::unique_ptr<Channel>(new Bsout(context, std::move(submitter)));
}

// daemon user@host: there; daemon host, or the host that the message is for: to bsmtp there.
std::string Bsout::address_for(const Work& work) const {
  const auto config = submitter_->config();
  const auto* channel = config->channel(context_.channel());
  const std::string word(channel != nullptr && channel->is(mta::Kw::daemon) ? channel->word(mta::Kw::daemon)
                                                                            : std::string_view());
  if (word.find('@') != word.npos) return word;
  return "bsmtp@" + (word.empty() ? work.host() : word);
}

// False: all of it has its verdict.
Task<bool> Bsout::may_join(Work& work, const std::vector<std::size_t>& recipients) {
  auto read = [&] { return work.message().read_header(); };
  const auto header = co_await context_.workers().run(read);
  if (!header) {
    work.defer_rest("4.3.0 " + header.error().text);
    co_return false;
  }
  if (is_batch(*header))
    for (const auto i : recipients)
      work.failed(i, "5.4.6 a batch comes back to channel " + context_.channel() +
                         ", which makes batches: its address leads there");
  else if (work.envelope().body == "BINARYMIME")
    for (const auto i : recipients) work.failed(i, "5.6.3 binary messages do not go into a batch");
  else
    co_return true;
  co_return false;
}

Task<void> Bsout::pass(Work& work, std::vector<std::size_t> recipients) {
  const auto joins = co_await may_join(work, recipients);
  if (!joins) co_return;
  auto address = address_for(work);
  co_await gather(address, work, std::move(recipients));
}

Task<void> Bsout::gather(const std::string& address, Work& work, std::vector<std::size_t> recipients) {
  const auto config = context_.daemon().config();
  const auto most =
      static_cast<std::size_t>(std::clamp<std::int64_t>(config->number("bsmtp.maxtransactions"), 1, 1000));
  const auto most_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(config->number("bsmtp.maxbytes"), 1));
  auto& place = open_[address];
  const bool first = !place || place->closed;
  if (first) {
    place = std::make_shared<Gathering>(context_.loop());
    place->address = address;
  }
  const auto batch = place;  // another may take its place
  batch->members.push_back({&work, std::move(recipients)});
  batch->bytes += work.message().message_size();
  if (batch->members.size() >= most || batch->bytes >= most_bytes) {
    batch->closed = true;
    batch->full.notify_all();
  }
  if (!first) {
    while (!batch->ended) {
      co_await batch->done.wait();
    }
    co_return;
  }
  const auto wait_ms = std::max<std::int64_t>(config->number("bsmtp.wait"), 0) * 1000;
  if (!batch->closed && wait_ms > 0) {
    co_await batch->full.wait(wait_ms);
  }
  batch->closed = true;
  if (const auto at = open_.find(address); at != open_.end() && at->second == batch) open_.erase(at);
  const Ender ender{*batch};
  co_await send(*batch);
}

BatchWriter Bsout::writer_for(const Gathering& gathering, const mta::Submission& submission) const {
  const auto config = submitter_->config();
  const auto& host = config->local_host();
  auto header = trace_line(context_.channel(), host, submission.queue_id());
  header += mail::format_field("From", postmaster_of(*config, config->channel(context_.channel())));
  header += mail::format_field("To", gathering.address);
  header += mail::format_field("Subject", fmt::format("Batch of {} messages", gathering.members.size()));
  header += mail::format_field("Date", mail::format_local_date(wall_seconds()));
  header += mail::format_field("Message-ID", "<" + submission.queue_id() + "@" + host + ">");
  std::vector<BatchItem> items;
  for (const auto& member : gathering.members)
    items.push_back(
        {transaction_commands(member.work->envelope(), member.recipients), bytes_of(member.work->message())});
  return BatchWriter(std::move(header), host, std::move(items));
}

Task<mta::Verdict> Bsout::submit(Gathering& gathering, mta::Submission& submission) {
  const auto config = submitter_->config();
  mta::SenderOptions options;
  auto sender = postmaster_of(*config, config->channel(context_.channel()));
  auto verdict = co_await submission.sender(std::move(sender), std::move(options));
  if (!verdict.ok()) co_return verdict;
  auto address = gathering.address;
  mta::RecipientOptions wishes;
  auto answer = co_await submission.recipient(std::move(address), std::move(wishes));
  if (!answer.ok()) co_return answer;
  TakenMark mark(taken_);
  for (const auto& member : gathering.members) mark.add(unit_of(*member.work), member.recipients);
  submission.commit_with(&mark);
  auto writer = writer_for(gathering, submission);
  NextBytes next = [&writer] { return writer.next(); };
  auto sent = co_await send_bytes(context_, submission, std::move(next));
  co_return sent;
}

Task<void> Bsout::send(Gathering& gathering) {
  mta::Source source;
  source.channel = context_.channel();
  source.internal = true;
  mta::Submission submission(submitter_, std::move(source));
  auto verdict = co_await submit(gathering, submission);
  log::Event(verdict.ok() ? "bsmtp.batch.sent" : "bsmtp.batch.failed")
      .with("qid", submission.queue_id())
      .with("to", gathering.address)
      .with("transactions", static_cast<std::int64_t>(gathering.members.size()))
      .with("reply", fmt::format("{} {} {}", verdict.code, verdict.status, verdict.text))
      .information();
  for (const auto& member : gathering.members)
    for (const auto i : member.recipients) {
      if (verdict.ok())
        member.work->queued_as(i, "2.5.0 put into a batch", submission.queue_id());
      else
        judge(*member.work, i, verdict);
    }
}

}  // namespace waxwing::channels
