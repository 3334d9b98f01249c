#include "channels/conversion/conversion.h"

#include <algorithm>
#include <map>

#include "channels/resubmit/again.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

constexpr const char* kFolder = "conversion";

unsigned at_least_one(std::int64_t number) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(number, 1, 100'000));
}

// What the commands decided of the message as a whole. False: it goes on.
bool end_here(Work& work, const std::vector<std::size_t>& recipients, const Converted& converted) {
  const auto& why = converted.why();
  switch (converted.status()) {
    case PartStatus::returned:
      for (const auto i : recipients)
        work.failed(i, "5.7.1 " + (why.empty() ? "refused by a conversion" : why));
      return true;
    case PartStatus::discarded:
      for (const auto i : recipients)
        work.delivered_with_dsn(i, "2.0.0 discarded by a conversion" + (why.empty() ? "" : ": " + why));
      return true;
    default:
      return false;
  }
}

}  // namespace

Conversion::Conversion(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
    : MarkedChannel(context, "2.5.0 had been converted, queued"),
      submitter_(std::move(submitter)),
      workers_(at_least_one(context.daemon().config()->number("conversion.concurrency"))) {}

Result<std::unique_ptr<Channel>> Conversion::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  ScratchFolder::clean(context.daemon().config()->path_of(kFolder));
  return std::unique_ptr<Channel>(new Conversion(context, std::move(submitter)));
}

Result<RunSettings> Conversion::run_settings(const mta::MtaConfig& config) const {
  const auto options = context_.daemon().config();
  const auto* channel = config.channel(context_.channel());
  const std::string name = channel == nullptr ? "" : std::string(channel->word(mta::Kw::user));
  RunSettings settings;
  TRY(settings.account, find_account(name));
  TRY_VOID(may_become(settings.account, name.empty()));
  settings.seconds = at_least_one(options->number("conversion.timeout"));
  settings.output_bytes =
      static_cast<std::size_t>(std::max<std::int64_t>(0, options->number("conversion.maxoutput")));
  settings.file_bytes =
      static_cast<std::uint64_t>(std::max<std::int64_t>(1, options->number("conversion.maxfile")));
  settings.processes = at_least_one(options->number("conversion.maxprocesses"));
  return settings;
}

// Recipients that go on the same way share what is made for them; submission has put them into one file.
Task<void> Conversion::pass(Work& work, std::vector<std::size_t> left) {
  std::map<std::string, std::vector<std::size_t>> ways;
  for (const auto i : left) ways[work.envelope().recipients[i].flags].push_back(i);
  for (const auto& [flags, recipients] : ways) {
    const auto detour = mta::queue::parse_detour(flags);
    if (detour)
      co_await convert(work, recipients, *detour);
    else
      for (const auto i : recipients)
        work.failed(i, "5.3.5 the queue file does not say where the message goes on");
  }
}

Task<void> Conversion::convert(Work& work, const std::vector<std::size_t>& recipients,
                               const mta::queue::Detour& detour) {
  const auto config = submitter_->config();
  // It asks for an account, which may be in a directory far away.
  auto look = [&] { return run_settings(*config); };
  const auto settings = co_await workers_.run(look);
  if (!settings) {
    for (const auto i : recipients) work.deferred(i, "4.3.5 " + settings.error().text);
    co_return;
  }
  const ConversionLimits limits{at_least_one(context_.daemon().config()->number("conversion.maxparts"))};
  const auto folder = context_.daemon().config()->path_of(kFolder);
  auto make = [&] { return Converted::make(*config, work.message(), detour, *settings, limits, folder); };
  auto converted = co_await workers_.run(make);
  if (!converted) {
    for (const auto i : recipients) work.deferred(i, "4.3.0 " + converted.error().text);
    co_return;
  }
  log::Event("conversion")
      .with("qid", work.queue_id())
      .with("from", detour.from)
      .with("to", detour.channel)
      .with("commands", static_cast<std::int64_t>((*converted)->runs()))
      .information();
  if (!end_here(work, recipients, **converted)) co_await send_on(work, recipients, **converted);
}

Task<void> Conversion::send_on(Work& work, const std::vector<std::size_t>& recipients, Converted& converted) {
  Onward onward(context_, submitter_, taken_, work);
  const bool held = converted.status() == PartStatus::held;
  const auto why = "held by a conversion: " + converted.why();
  if (held) onward.hold(why);
  auto to = recipients;
  NextBytes next = [&converted] { return converted.next(); };
  auto verdict = co_await onward.send(std::move(to), work.message().message_size(), std::move(next));
  onward.settle(verdict, held ? "2.5.0 " + why + ", queued" : "2.5.0 converted, queued");
}

}  // namespace waxwing::channels
