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
}  // namespace

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
    if (is("AUTH"))
      features.auth_plain = std::ranges::any_of(words, [](auto word) { return iequals(word, "PLAIN"); });
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
  return line;
}

std::string missing_feature(const mta::queue::Envelope& envelope, const PeerFeatures& features,
                            bool must_prioritize) {
  if (envelope.deliver_by_ms != 0 && envelope.by_returns && !features.deliverby)
    return "5.3.3 its sender wants it back when it is not delivered in time, and the next host does not "
           "offer "
           "DELIVERBY";
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
