// Extensions that a channel offers by a keyword of its own.
#include <fmt/format.h>

#include <algorithm>

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
  if (stream_.is_tls()) lines += "\nREQUIRETLS";
  if (burl_offered()) lines += burl_extension();
  if (xclient_offered()) lines += "\nXCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT";
  const auto recipients =
      lower_limit(keyword(Kw::recipientlimit, 0), settings_->options.allow_recipients_per_transaction);
  const auto messages =
      lower_limit(keyword(Kw::transactionlimit, 0), settings_->options.allow_transactions_per_session);
  if (recipients > 0 || messages > 0) lines += "\nLIMITS";
  if (messages > 0) lines += fmt::format(" MAILMAX={}", messages);
  if (recipients > 0) lines += fmt::format(" RCPTMAX={}", recipients);
  return lines;
}

void Session::allow_extensions(mta::protocol::MailRules& rules) const {
  rules.require_tls = stream_.is_tls();
  rules.mt_priority = channel_->is(Kw::mtprioritiesallowed) || channel_->is(Kw::mtprioritiesrequired);
  if (channel_->is(Kw::futurerelease)) rules.longest_hold_s = keyword(Kw::futurerelease, 0);
  if (channel_->is(Kw::deliverby)) rules.shortest_by_s = std::max<std::int64_t>(keyword(Kw::deliverby, 0), 0);
  if (rules.longest_hold_s > 0 || rules.shortest_by_s >= 0) rules.now_ms = wall_ms();
}

}  // namespace waxwing::smtpd
