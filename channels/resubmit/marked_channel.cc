#include "channels/resubmit/marked_channel.h"

#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing::channels {

namespace {
constexpr const char* kFolder = "resubmit";
constexpr std::int64_t kCleanMs = 10 * 60 * 1000;  // what is to be cleaned is left by the dead only
}  // namespace

Taken::Unit unit_of(const mta::queue::Reader& message, const std::string& host) {
  const auto& recipients = message.recipients_of(host);
  return {message.name(), recipients.empty() ? 0 : recipients.front()};
}

Taken::Unit unit_of(const Work& work) {
  return unit_of(work.message(), work.host());
}

MarkedChannel::MarkedChannel(MasterContext& context, std::string gone_on)
    : context_(context),
      taken_(context.queue(), context.daemon().config()->path_of(kFolder)),
      gone_on_(std::move(gone_on)) {}

Task<void> MarkedChannel::deliver(Work& work) {
  auto left = co_await those_left(work);
  if (!left.empty()) co_await pass(work, std::move(left));
}

// None, too, where it cannot be known.
Task<std::vector<std::size_t>> MarkedChannel::those_left(Work& work) {
  const auto unit = unit_of(work);
  auto look = [&] { return taken_.of(unit, work.pending()); };
  const auto gone = co_await context_.workers().run(look);
  std::vector<std::size_t> left;
  if (!gone) {
    work.defer_rest("4.3.0 " + gone.error().text);
    co_return left;
  }
  for (const auto i : work.pending()) {
    if (const auto at = gone->find(i); at != gone->end())
      work.queued_as(i, gone_on_, at->second);
    else
      left.push_back(i);
  }
  if (!gone->empty()) {
    auto queue_id = gone->begin()->second;
    co_await had_gone_on(work, std::move(queue_id));
  }
  co_return left;
}

Task<void> MarkedChannel::had_gone_on(const Work& work, std::string queue_id) {
  (void)work, (void)queue_id;
  co_return;
}

void MarkedChannel::left_queue(const Work& work) {
  taken_.forget(unit_of(work));
}

Task<void> MarkedChannel::idle() {
  if (monotonic_ms() < clean_again_ms_) co_return;
  clean_again_ms_ = monotonic_ms() + kCleanMs;
  auto clean = [this] { return taken_.clean(context_.channel()); };
  const auto cleaned = co_await context_.workers().run(clean);
  if (!cleaned) log::Event("resubmit.marks").with("error", cleaned.error().text).warning();
}

}  // namespace waxwing::channels
