// MAIL and RCPT.
#include <fmt/format.h>

#include <algorithm>

#include "common/auth/standing.h"
#include "common/base/strings.h"
#include "common/log/log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

using mta::Kw;

// The smaller of two limits where 0 means none.
std::int64_t Session::lower_limit(std::int64_t a, std::int64_t b) {
  if (a <= 0) return b;
  if (b <= 0) return a;
  return std::min(a, b);
}

std::optional<Verdict> Session::may_mail() {
  if (helo_.empty()) return Verdict{503, "5.5.1", "EHLO or HELO first"};
  if (in_transaction()) return Verdict{503, "5.5.1", "A transaction is open; RSET ends it"};
  if (channel_->is(Kw::musttlsserver) && !stream_.is_tls()) return Verdict{530, "5.7.0", "STARTTLS first"};
  const bool must = channel_->is(Kw::mustsaslserver) || settings_->start->is(Kw::mustsaslserver) ||
                    settings_->start->is(Kw::submit);
  if (must && !identity_) return Verdict{530, "5.7.0", "Authentication required"};
  const auto& options = settings_->options;
  const auto allowed = lower_limit(keyword(Kw::transactionlimit, 0), options.allow_transactions_per_session);
  if (allowed > 0 && counts_.accepted >= allowed)
    return Verdict{452, "4.5.3", "Too many messages in one session"};
  if (options.attempt_transactions_per_session > 0 &&
      counts_.attempts >= options.attempt_transactions_per_session)
    return Verdict{452, "4.5.3", "Too many attempts in one session"};
  if (const auto limit = keyword(Kw::disconnecttransactionlimit, 0); limit > 0 && counts_.attempts >= limit)
    return Verdict{421, "4.7.0", "Too many transactions", true};
  return std::nullopt;
}

// A session may go on for long: whoever was made inactive meanwhile sends no further message.
bool Session::is_shut_out() {
  if (!identity_ || identity_->proxied) return false;
  const auth::Peer who{.service = auth::Service::smtp,
                       .address = peer_address_,
                       .host_name = *host_name_,
                       .tls = stream_.is_tls()};
  const auto& user = *identity_->user;
  const auto verdict = server_->authenticator().standing().check(user.dn, user.store_name, who).verdict;
  if (verdict.allowed) return false;
  log::Event("smtp.shut_out").with("sid", sid_).with("why", verdict.failure.for_log).notice();
  end({421, "4.7.0", verdict.failure.for_client});
  return true;
}

Task<void> Session::mail(std::string_view argument) {
  if (const auto refusal = may_mail()) {
    if (refusal->code == 503)
      bad_command(*refusal);
    else
      reply(*refusal);
    co_return;
  }
  if (is_shut_out()) co_return;
  mta::protocol::MailRules rules;
  rules.extended = esmtp_;
  rules.binary = !channel_->is(Kw::nochunkingserver);
  rules.auth = auth_offered() || identity_.has_value();
  rules.dsn = !channel_->is(Kw::nonotary);
  allow_extensions(rules);
  auto parsed = mta::protocol::parse_mail(argument, rules);
  if (!parsed) {
    bad_command(parsed.error());
    co_return;
  }
  if (channel_->is(Kw::mtprioritiesrequired) && !parsed->options.mt_priority) {
    reply({550, "5.7.0", "MT-PRIORITY= is required here"});
    co_return;
  }
  ++counts_.attempts;
  if (channel_->is(Kw::mailfromdnsverify)) {
    const auto refusal = co_await sender_domain_refusal(parsed->address);
    if (refusal) {
      reply(*refusal);
      co_return;
    }
  }
  mail_options_ = parsed->options;
  sender_as_given_ = parsed->address;
  message_.emplace(server_->submitter(), source());
  auto verdict = co_await message_->sender(std::move(parsed->address), std::move(parsed->options));
  if (!verdict.ok()) {
    log::Event("smtp.mail.rejected")
        .with("sid", sid_)
        .with("argument", printable(argument))
        .with("reply", verdict.text)
        .notice();
    if (may_record_refusal()) message_->record_refusal("", verdict);
    reset();
  }
  reply(verdict);
}

std::optional<Verdict> Session::may_rcpt() const {
  if (!in_transaction()) return Verdict{503, "5.5.1", "MAIL first"};
  const auto& options = settings_->options;
  const auto limit = lower_limit(keyword(Kw::recipientlimit, 0), options.allow_recipients_per_transaction);
  if (limit > 0 && static_cast<std::int64_t>(message_->recipients()) >= limit)
    return Verdict{452, "4.5.3", "Too many recipients in one message"};
  const auto rejections =
      lower_limit(keyword(Kw::deferralrejectlimit, 0), options.allow_rejections_before_deferral);
  if (rejections > 0 && rejected_here_ >= rejections)
    return Verdict{451, "4.7.1", "Too many refused recipients, try again later"};
  if (const auto most = keyword(Kw::disconnectrecipientlimit, 0); most > 0 && counts_.recipients >= most)
    return Verdict{421, "4.7.0", "Too many recipients", true};
  return std::nullopt;
}

void Session::rejected_recipient(Verdict verdict) {
  ++rejected_here_;
  ++counts_.rejected;
  if (const auto limit = keyword(Kw::disconnectrejectlimit, 0); limit > 0 && counts_.rejected >= limit)
    return end({421, "4.7.0", "Too many refused recipients"});
  reply(verdict);
}

Task<void> Session::rcpt(std::string_view argument) {
  ++rcpt_commands_;
  if (const auto refusal = may_rcpt()) {
    if (refusal->code == 503)
      bad_command(*refusal);
    else
      reply(*refusal);
    co_return;
  }
  if (is_shut_out()) co_return;
  ++counts_.recipients;
  mta::protocol::RcptRules rules;
  rules.extended = esmtp_;
  rules.smtputf8 = mail_options_.smtputf8;
  rules.dsn = !channel_->is(Kw::nonotary);
  auto parsed = mta::protocol::parse_rcpt(argument, rules);
  if (!parsed) {
    bad_command(parsed.error());
    co_return;
  }
  const std::string address = parsed->address;
  auto verdict = co_await message_->recipient(std::move(parsed->address), std::move(parsed->options));
  if (verdict.ok()) {
    if (first_recipient_.empty()) first_recipient_ = address;
    reply(verdict);
    co_return;
  }
  if (may_record_refusal()) {
    message_->record_refusal(address, verdict);
    log::Event("smtp.rcpt.rejected")
        .with("sid", sid_)
        .with("qid", message_->queue_id())
        .with("rcpt", address)
        .with("code", verdict.code)
        .with("reply", verdict.text)
        .notice();
  }
  if (verdict.temporary())
    reply(verdict);
  else
    rejected_recipient(std::move(verdict));
}

}  // namespace waxwing::smtpd
