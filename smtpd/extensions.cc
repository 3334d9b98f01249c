// Extensions that a channel offers by a keyword of its own.
#include <fmt/format.h>

#include "common/base/time.h"
#include "common/mail/date.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

std::string Session::extensions_of_channel() const {
  std::string lines;
  if (const auto longest_s = keyword(Kw::futurerelease, 0); longest_s > 0)
    lines += fmt::format("\nFUTURERELEASE {} {}", longest_s,
                         mail::format_internet_date(wall_seconds() + longest_s));
  if (channel_->is(Kw::deliverby)) {
    lines += "\nDELIVERBY";
    if (const auto shortest_s = keyword(Kw::deliverby, 0); shortest_s > 0)
      lines += fmt::format(" {}", shortest_s);
  }
  if (channel_->is(Kw::mtprioritiesallowed) || channel_->is(Kw::mtprioritiesrequired))
    lines += "\nMT-PRIORITY MIXER";
  return lines;
}

void Session::allow_extensions(mta::protocol::MailRules& rules) const {
  rules.mt_priority = channel_->is(Kw::mtprioritiesallowed) || channel_->is(Kw::mtprioritiesrequired);
  if (channel_->is(Kw::futurerelease)) rules.longest_hold_s = keyword(Kw::futurerelease, 0);
  if (channel_->is(Kw::deliverby)) rules.shortest_by_s = std::max<std::int64_t>(keyword(Kw::deliverby, 0), 0);
  if (rules.longest_hold_s > 0 || rules.shortest_by_s >= 0) rules.now_ms = wall_ms();
}

}  // namespace waxwing::smtpd
