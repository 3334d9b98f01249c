// What a header asks for that channels may grant or not: Sensitivity:, receipts.
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
}  // namespace

std::string Submission::Inner::too_sensitive(int sensitivity) const {
  if (sensitivity == 0) return {};
  for (const auto& destination : destinations) {
    const Channel* to = config->channel(destination.recipient.channel);
    for (const auto& [keyword, most] : kLevels)
      if (to && to->is(keyword) && sensitivity > most)
        return std::string("The message is ") + kNames[sensitivity] + "; mail to " +
               printable(destination.recipient.address) + " may be " + kNames[most] + " at most";
  }
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
