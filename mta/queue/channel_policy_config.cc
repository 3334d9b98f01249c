#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/config/mta_config.h"
#include "mta/queue/channel_policy.h"

namespace waxwing::mta::queue {

namespace {
constexpr unsigned kPeriodMinutes = 240;

struct ByPriority {
  Priority priority;
  Kw backoff;
  Kw notices;
};
constexpr ByPriority kByPriority[] = {
    {Priority::nonurgent, Kw::nonurgentbackoff, Kw::nonurgentnotices},
    {Priority::normal, Kw::normalbackoff, Kw::normalnotices},
    {Priority::urgent, Kw::urgentbackoff, Kw::urgentnotices},
};

void set_times(ChannelPolicy& policy, const Channel& channel, const ByPriority& row,
               std::int64_t notice_unit) {
  const auto at = static_cast<std::size_t>(row.priority);
  const auto backoff = channel.seconds(channel.given(row.backoff) ? row.backoff : Kw::backoff);
  if (!backoff.empty()) policy.backoff_seconds[at] = backoff;
  auto notices = channel.numbers(channel.given(row.notices) ? row.notices : Kw::notices);
  if (notices.empty()) return;
  for (auto& count : notices) count *= notice_unit;
  policy.notice_seconds[at] = std::move(notices);
}

unsigned positive(const Channel& channel, Kw keyword, unsigned fallback, std::int64_t least) {
  const auto value = channel.number(keyword, fallback);
  return value < least ? fallback : static_cast<unsigned>(value);
}

// What is more urgent than maxperiodic... says is no matter for the periodic runs: it is tried as on other channels.
void set_periods(ChannelPolicy& policy, const Channel& channel) {
  const auto most = channel.is(Kw::maxperiodicnonurgent) ? Priority::nonurgent
                    : channel.is(Kw::maxperiodicnormal)  ? Priority::normal
                                                         : Priority::urgent;
  const auto seconds = positive(channel, Kw::period, kPeriodMinutes, 1) * std::int64_t{60};
  for (std::size_t at = 0; at <= static_cast<std::size_t>(most); ++at) policy.period_seconds[at] = seconds;
}
}  // namespace

ChannelPolicy policy_from_config(const MtaConfig& config, const std::string& name) {
  ChannelPolicy policy;
  const auto* channel = config.channel(name);
  if (channel == nullptr) return policy;
  const std::int64_t unit = config.options().number(Opt::RETURN_UNITS) == 1 ? 3600 : 86400;
  for (const auto& row : kByPriority) set_times(policy, *channel, row, unit);
  if (channel->is(Kw::immnormal)) policy.immediate = {false, true, true};
  if (channel->is(Kw::immurgent)) policy.immediate = {false, false, true};
  policy.pool = channel->word(Kw::pool);
  // "after" takes plain seconds too.
  const auto after = channel->word(Kw::after);
  policy.after_seconds = to_number<std::int64_t>(after).value_or(iso_duration_seconds(after).value_or(0));
  if (channel->is(Kw::periodic) || channel->given(Kw::period)) set_periods(policy, *channel);
  policy.on_demand = channel->is(Kw::slave);
  policy.host_connections = positive(*channel, Kw::maxhostconnections, 0, 1);
  policy.host_rate = positive(*channel, Kw::maxhostrate, 0, 1);
  policy.addrsperjob = positive(*channel, Kw::addrsperjob, policy.addrsperjob, 1);
  policy.maxjobs = positive(*channel, Kw::maxjobs, policy.maxjobs, 1);
  policy.filesperjob = positive(*channel, Kw::filesperjob, policy.filesperjob, 0);
  policy.threaddepth = positive(*channel, Kw::threaddepth, policy.threaddepth, 1);
  return policy;
}

}  // namespace waxwing::mta::queue
