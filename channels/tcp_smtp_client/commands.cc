#include "channels/tcp_smtp_client/commands.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/address.h"

namespace waxwing::channels::smtp {

namespace {
// "@relay:a@b" without its route.
std::string_view without_route(std::string_view address) {
  if (!address.starts_with('@')) return address;
  const auto colon = address.find(':');
  return colon == std::string_view::npos ? address : address.substr(colon + 1);
}

// What is left of the time; with N it may be over.
std::string deliver_by(const mta::queue::Envelope& envelope, std::int64_t now_ms) {
  constexpr std::int64_t kMost = 999'999'999;  // nine digits
  auto left_s = (envelope.deliver_by_ms - now_ms) / 1000;
  left_s = std::clamp<std::int64_t>(left_s, envelope.by_returns ? 1 : -kMost, kMost);
  return fmt::format(" BY={};{}{}", left_s, envelope.by_returns ? "R" : "N", envelope.by_trace ? "T" : "");
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return printable(text, 400);
}

void take_mechanisms(const std::vector<std::string_view>& words, PeerFeatures& features) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(words, [&](auto word) { return iequals(word, name); });
  };
  features.auth_plain = has("PLAIN");
  features.auth_login = has("LOGIN");
  features.auth_external = has("EXTERNAL");
}

// "RCPTMAX=100"; what is malformed or unknown says nothing (RFC 9422 §4).
void take_limits(const std::vector<std::string_view>& words, PeerFeatures& features) {
  struct Row {
    std::string_view name;
    std::uint64_t PeerFeatures::*member;
  };
  constexpr Row kRows[] = {{"MAILMAX", &PeerFeatures::most_messages},
                           {"RCPTMAX", &PeerFeatures::most_recipients},
                           {"RCPTDOMAINMAX", &PeerFeatures::most_domains}};
  for (auto value : words) {
    const auto name = take_until(value, '=');
    for (const auto& row : kRows)
      if (iequals(name, row.name) && value.size() <= 6)
        features.*row.member = to_number<std::uint64_t>(value).value_or(0);
  }
}

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view() : address.substr(at + 1);
}
}  // namespace

std::optional<std::int64_t> greylisting_s(std::string_view text) {
  constexpr std::int64_t kLeast = 30, kMost = 3600;
  const auto is_said = [&](std::string_view word) { return ifind(text, word) != std::string_view::npos; };
  if (!is_said("greylist") && !is_said("graylist") && !is_said("grey-list") && !is_said("gray-list"))
    return std::nullopt;
  const auto words = split_words(text);
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    const auto number = to_number<std::int64_t>(words[i]);
    const std::int64_t unit = istarts_with(words[i + 1], "min")   ? 60
                              : istarts_with(words[i + 1], "sec") ? 1
                                                                  : 0;
    if (number && unit != 0 && *number > 0 && *number <= kMost)
      return std::clamp(*number * unit, kLeast, kMost);
  }
  return 0;
}

// Products of what a message and a configuration say: whole numbers could overflow.
std::int64_t answer_wait_ms(const mta::TcpOptions& options, std::int64_t recipients, std::int64_t blocks) {
  constexpr double kWeekMs = 7 * 24 * 3600 * 1000.0;
  const auto to = static_cast<double>(recipients), of = static_cast<double>(blocks);
  const double wait_ms = static_cast<double>(options.status_data_receive_ms) +
                         to * static_cast<double>(options.status_data_per_address_ms) +
                         of * static_cast<double>(options.status_data_per_block_ms) +
                         to * of * static_cast<double>(options.status_data_per_address_and_block_ms);
  return static_cast<std::int64_t>(std::min(wait_ms, kWeekMs));
}

std::string auth_parameter(const mta::queue::Envelope& envelope) {
  return " AUTH=" + (envelope.submitter.empty() ? std::string("<>") : mail::encode_xtext(envelope.submitter));
}

std::size_t batch_size(const mta::queue::Envelope& envelope, const std::vector<std::size_t>& recipients,
                       std::size_t most, std::uint64_t most_domains) {
  const auto count = std::min(recipients.size(), most);
  if (most_domains == 0) return count;
  std::vector<std::string_view> domains;
  for (std::size_t i = 0; i < count; ++i) {
    const auto domain = domain_of(envelope.recipients[recipients[i]].address);
    if (std::ranges::any_of(domains, [&](auto known) { return iequals(known, domain); })) continue;
    if (domains.size() >= most_domains) return i;
    domains.push_back(domain);
  }
  return count;
}

PeerFeatures parse_features(std::string_view text) {
  PeerFeatures features;
  take_until(text, '\n');  // the greeting line
  while (!text.empty()) {
    const auto words = split_words(take_until(text, '\n'));
    if (words.empty()) continue;
    const auto is = [&](std::string_view name) { return iequals(words[0], name); };
    if (is("PIPELINING")) features.pipelining = true;
    if (is("8BITMIME")) features.eightbit = true;
    if (is("BINARYMIME")) features.binary = true;
    if (is("SMTPUTF8")) features.utf8 = true;
    if (is("DSN")) features.dsn = true;
    if (is("CHUNKING")) features.chunking = true;
    if (is("STARTTLS")) features.starttls = true;
    if (is("ETRN")) features.etrn = true;
    if (is("DELIVERBY")) features.deliverby = true;
    if (is("MT-PRIORITY")) features.mt_priority = true;
    if (is("SIZE")) {
      features.size = true;
      if (words.size() > 1) features.size_limit = to_number<std::uint64_t>(words[1]).value_or(0);
    }
    if (is("REQUIRETLS")) features.require_tls = true;
    if (is("LIMITS")) take_limits(words, features);
    if (is("AUTH")) take_mechanisms(words, features);
  }
  return features;
}

std::string reply_text(const mta::Verdict& reply) {
  return fmt::format("{} {} {}", reply.status, reply.code, one_line(reply.text));
}

std::string mail_line(const mta::queue::Envelope& envelope, std::uint64_t size_bytes, std::string_view body,
                      const PeerFeatures& features, bool needs_utf8, std::int64_t now_ms) {
  std::string line = "MAIL FROM:<" + envelope.sender + ">";
  if (features.size) line += fmt::format(" SIZE={}", size_bytes);
  if (body == "BINARYMIME")
    line += " BODY=BINARYMIME";
  else if (body == "8BITMIME" && features.eightbit)
    line += " BODY=8BITMIME";
  if (needs_utf8) line += " SMTPUTF8";
  if (features.dsn && !envelope.ret.empty()) line += " RET=" + envelope.ret;
  if (features.dsn && !envelope.envelope_id.empty())
    line += " ENVID=" + mail::encode_xtext(envelope.envelope_id);
  if (features.mt_priority && envelope.mt_priority)
    line += fmt::format(" MT-PRIORITY={}", *envelope.mt_priority);
  if (features.deliverby && envelope.deliver_by_ms != 0) line += deliver_by(envelope, now_ms);
  if (envelope.require_tls && features.require_tls) line += " REQUIRETLS";
  return line;
}

std::string missing_feature(const mta::queue::Envelope& envelope, const PeerFeatures& features,
                            bool must_prioritize) {
  if (envelope.deliver_by_ms != 0 && envelope.by_returns && !features.deliverby)
    return "5.3.3 its sender wants it back when it is not delivered in time, and the next host does not "
           "offer "
           "DELIVERBY";
  if (envelope.require_tls && !features.require_tls)
    return "5.7.30 its sender requires TLS all the way, and the next host does not offer REQUIRETLS";
  if (must_prioritize && envelope.mt_priority && !features.mt_priority)
    return "5.3.3 the next host does not offer MT-PRIORITY, which this channel requires";
  return {};
}

std::string rcpt_line(const mta::queue::Recipient& recipient, const PeerFeatures& features,
                      bool remove_route) {
  std::string line = "RCPT TO:<";
  line.append(remove_route ? without_route(recipient.address) : std::string_view(recipient.address)) += ">";
  if (!features.dsn) return line;
  if (!recipient.notify.empty()) line += " NOTIFY=" + recipient.notify;
  if (const auto semicolon = recipient.original.find(';');
      semicolon != std::string::npos && mail::is_ascii(recipient.original))
    line += " ORCPT=" + recipient.original.substr(0, semicolon + 1) +
            mail::encode_xtext(recipient.original.substr(semicolon + 1));
  return line;
}

}  // namespace waxwing::channels::smtp
