// Connections to other hosts in mail.log_current: O, C, X and Y with a '-'.
#include <fmt/format.h>

#include "channels/tcp_smtp_client/connection.h"
#include "mta/counters/counters.h"
#include "mta/mail_log/mail_log.h"

namespace waxwing::channels::smtp {

namespace {

using mta::mail_log::Connections;
using mta::mail_log::Entry;

bool is_wanted(const ClientSettings& settings) {
  return settings.mta && mta::mail_log::is_logged(settings.mta->channel(settings.channel)) &&
         mta::mail_log::wants(*settings.mta, Connections::opened);
}

void write(const ClientSettings& settings, char action, std::string_view transport, const std::string& host,
           std::string_view diagnostic) {
  const auto application = (settings.lmtp ? "LMTP/" : "SMTP/") + host;
  Entry entry;
  entry.kind = Entry::Kind::connection;
  entry.direction = '-';
  entry.action = action;
  entry.source_channel = settings.channel;
  entry.transport = transport;
  entry.application = application;
  entry.diagnostic = diagnostic;
  mta::mail_log::write(*settings.mta, entry);
}

}  // namespace

Work::Wire Connection::wire() const {
  if (!settings_->mta || !mta::mail_log::is_logged(settings_->mta->channel(settings_->channel))) return {};
  Work::Wire wire;
  wire.transport = transport_;
  wire.application = greeting_.substr(0, greeting_.find('\n'));
  wire.modifiers.esmtp = features_.extended && !settings_->lmtp;
  wire.modifiers.lmtp = settings_->lmtp;
  wire.modifiers.chunking = settings_->chunking && features_.chunking;
  wire.modifiers.tls = stream_.is_tls();
  wire.modifiers.sasl = authenticated_;
  return wire;
}

void Connection::record(char action, std::string_view diagnostic) const {
  if (action == 'O' && settings_->mta)
    mta::counters::add(settings_->mta->root(), settings_->channel,
                       {{mta::counters::Count::out_associations, 1}});
  if (is_wanted(*settings_)) write(*settings_, action, transport_, target_.name, diagnostic);
}

void Connection::record_failure(const ClientSettings& settings, const mta::Target& target,
                                std::string_view diagnostic) {
  if (settings.mta)
    mta::counters::add(settings.mta->root(), settings.channel, {{mta::counters::Count::out_failures, 1}});
  if (is_wanted(settings))
    write(settings, 'Y', fmt::format("TCP|*|*|{}|{}", target.address, target.port), target.name, diagnostic);
}

Connection::~Connection() {
  if (opened_) record('C', fmt::format("transactions={}", transactions_));
}

}  // namespace waxwing::channels::smtp
