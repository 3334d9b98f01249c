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
constexpr const char* kFolder = "bsmtp";

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
  std::vector<TakenMark> marks;
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
    : context_(context),
      submitter_(std::move(submitter)),
      taken_(context.daemon().config()->path_of(kFolder)) {}

Result<std::unique_ptr<Channel>> Bsout::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  return std::unique_ptr<Channel>(new Bsout(context, std::move(submitter)));
}

Task<void> Bsout::idle() {
  auto clean = [this] { return taken_.clean(*context_.queue(), context_.channel()); };
  const auto cleaned = co_await context_.workers().run(clean);
  if (!cleaned) log::Event("bsmtp.marks").with("error", cleaned.error().text).warning();
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

// False: all of it has its verdict. recipients: gets those that are to go.
Task<bool> Bsout::may_join(Work& work, std::vector<std::size_t>& recipients) {
  auto look = [&] { return taken_.of(work.message().name()); };
  const auto taken = co_await context_.workers().run(look);
  auto read = [&] { return work.message().read_header(); };
  const auto header = co_await context_.workers().run(read);
  if (!taken || !header) {
    work.defer_rest("4.3.0 " + (taken ? header.error().text : taken.error().text));
    co_return false;
  }
  for (const auto i : work.pending()) {
    const auto& done = *taken;
    if (done && std::ranges::find(done->recipients, i) != done->recipients.end())
      work.queued_as(i, "2.5.0 had been put into a batch", done->queue_id);
    else
      recipients.push_back(i);
  }
  if (is_batch(*header))
    for (const auto i : recipients)
      work.failed(i, "5.4.6 a batch comes back to channel " + context_.channel() +
                         ", which makes batches: its address leads there");
  else if (work.envelope().body == "BINARYMIME")
    for (const auto i : recipients) work.failed(i, "5.6.3 binary messages do not go into a batch");
  else
    co_return !recipients.empty();
  co_return false;
}

Task<void> Bsout::deliver(Work& work) {
  std::vector<std::size_t> recipients;
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
  auto prepare = [&]() -> Result<> {
    for (const auto& member : gathering.members) {
      TRY(auto mark, taken_.prepare(member.work->message().name(), submission.queue_id(), member.recipients));
      gathering.marks.push_back(std::move(mark));
    }
    return {};
  };
  const auto prepared = co_await context_.workers().run(prepare);
  if (!prepared) co_return mta::Verdict{451, "4.3.0", prepared.error().text};
  submission.commit_with([&gathering](durable::Batch& batch) {
    for (auto& mark : gathering.marks) mark.add_to(batch);
  });
  auto writer = writer_for(gathering, submission);
  NextBytes next = [&writer] { return writer.next(); };
  auto sent = co_await send_bytes(context_, submission, std::move(next));
  if (!sent.ok()) {
    auto take_back = [&gathering] {
      for (auto& mark : gathering.marks) mark.take_back();
    };
    co_await context_.workers().run(take_back);
  }
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
