// What a session writes into mail.log_current besides its messages: O, C, U and B.
#include <fmt/format.h>

#include "mta/counters/counters.h"
#include "mta/mail_log/mail_log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::mail_log::Connections;
using mta::mail_log::Entry;

void Session::record_connection(char action, std::string_view diagnostic, std::string_view user) const {
  const auto& config = *settings_->config;
  if (action == 'O' && channel_ != nullptr)
    mta::counters::add(config.root(), channel_->name(), {{mta::counters::Count::in_associations, 1}});
  const auto bit = action == 'U'   ? Connections::auth
                   : action == 'I' ? Connections::etrn
                                   : Connections::opened;
  if (!mta::mail_log::is_logged(channel_) || !mta::mail_log::wants(config, bit)) return;
  const auto application = "SMTP" + (helo_.empty() ? "" : "/" + helo_);
  Entry entry;
  entry.kind = Entry::Kind::connection;
  entry.action = action;
  entry.source_channel = channel_->name();
  entry.user = user;
  entry.transport = transport_info_;
  entry.application = application;
  entry.diagnostic = diagnostic;
  mta::mail_log::write(config, entry);
}

std::string Session::closing_text() const {
  const auto& config = *settings_->config;
  std::string text;
  if (mta::mail_log::wants(config, Connections::counts))
    text = fmt::format("commands={} messages={} rejected={}", counts_.commands, counts_.accepted,
                       counts_.rejected);
  if (mta::mail_log::wants(config, Connections::auth) && !port_access_text_.empty())
    text += (text.empty() ? "" : " ") + port_access_text_;
  return text;
}

// A line that was to be AUTH may hold a password: of that only the beginning is shown.
void Session::record_bad_command(const Verdict& verdict) const {
  if (!mta::mail_log::is_logged(channel_)) return;
  const auto shown = istarts_with(command_, "AUTH") ? command_.substr(0, 4) : command_.substr(0, 500);
  const auto diagnostic = fmt::format("{} {} {}", verdict.code, verdict.status, verdict.text);
  Entry entry;
  entry.action = 'B';
  entry.modifiers.esmtp = esmtp_;
  entry.modifiers.tls = stream_.is_tls();
  entry.modifiers.sasl = identity_.has_value();
  entry.source_channel = channel_->name();
  entry.address = shown;
  entry.transport = transport_info_;
  entry.diagnostic = diagnostic;
  mta::mail_log::write(*settings_->config, entry);
}

}  // namespace waxwing::smtpd
