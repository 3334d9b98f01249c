// What a header asks for that channels may grant or not: Sensitivity:, receipts.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "mta/submission/detail/state.h"
#include "mta/submission/header.h"

namespace waxwing::mta {

namespace {
struct Level {
  Kw keyword;
  int most;
};
constexpr Level kLevels[] = {
    {Kw::sensitivitynormal, 0}, {Kw::sensitivitypersonal, 1}, {Kw::sensitivityprivate, 2}};
constexpr const char* kNames[] = {"normal", "personal", "private", "company-confidential"};

std::string too_sensitive_for(const MtaConfig& config, const Recipient& recipient, int sensitivity) {
  const Channel* to = sensitivity > 0 ? config.channel(recipient.channel) : nullptr;
  if (to == nullptr) return {};
  for (const auto& [keyword, most] : kLevels)
    if (to->is(keyword) && sensitivity > most)
      return std::string("The message is ") + kNames[sensitivity] + "; mail to " +
             printable(recipient.address) + " may be " + kNames[most] + " at most";
  return {};
}
}  // namespace

std::string Submission::Inner::too_sensitive() const {
  for (const auto& destination : destinations)
    if (auto why = too_sensitive_for(*config, destination.recipient, sensitivity); !why.empty()) return why;
  return {};
}

Verdict Submission::Inner::member_limits(const Recipient& member) const {
  if (const auto why = too_sensitive_for(*config, member, sensitivity); !why.empty())
    return {554, "5.7.1", why};
  const Channel* to = config->channel(member.channel);
  if (to == nullptr) return {};
  const auto over = [&](Kw keyword, std::uint64_t is, std::int64_t unit) {
    const auto limit = to->is(keyword) ? to->number(keyword, 0) : 0;
    return limit > 0 && is > static_cast<std::uint64_t>(limit * unit);
  };
  if (over(Kw::linelimit, lines, 1))
    return {554, "5.3.4",
            fmt::format("The message has more than the {} lines that mail to {} may have",
                        to->number(Kw::linelimit, 0), printable(member.address))};
  if (over(Kw::blocklimit, size, config->options().number(Opt::BLOCK_SIZE)))
    return {552, "5.3.4", "The message is larger than mail to " + printable(member.address) + " may be"};
  return {};
}

// reportsuppress: only what the envelope asks for counts; reportheader: only what the header asks for;
// reportboth and reportnotary: either.
void Submission::Inner::apply_receipts(bool asked) {
  const bool only_header = channel->is(Kw::reportheader);
  const bool either = channel->is(Kw::reportboth) || channel->is(Kw::reportnotary);
  if (source.internal || !(only_header || either)) return;
  for (auto& destination : destinations) {
    if (only_header) destination.notify.clear();
    if (asked && destination.notify.empty()) destination.notify = "SUCCESS,FAILURE,DELAY";
  }
}

}  // namespace waxwing::mta
