#include "mta/protocol/detail/mail_extensions.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/mail/date.h"

namespace waxwing::mta::protocol {

namespace {

std::unexpected<Verdict> refuse(int code, std::string status, std::string text) {
  return std::unexpected(Verdict{code, std::move(status), std::move(text)});
}

// Nine digits at most, as both documents have it.
std::optional<std::int64_t> seconds_of(std::string_view text) {
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != text.npos)
    return std::nullopt;
  return to_number<std::int64_t>(text);
}

// A release in the past is one at once: clocks differ.
std::expected<void, Verdict> hold(std::int64_t until_ms, std::string request, const MailRules& rules,
                                  SenderOptions& options) {
  if (!options.future_release.empty()) return refuse(501, "5.5.4", "HOLDFOR or HOLDUNTIL can be given once");
  if (until_ms > rules.now_ms + rules.longest_hold_s * 1000)
    return refuse(501, "5.5.4",
                  fmt::format("A message is held for {} seconds at most", rules.longest_hold_s));
  options.hold_until_ms = until_ms > rules.now_ms ? until_ms : 0;
  options.future_release = std::move(request);
  return {};
}

std::expected<void, Verdict> take_holdfor(const Parameter& p, const MailRules& rules,
                                          SenderOptions& options) {
  const auto seconds = seconds_of(p.value);
  if (!seconds || *seconds == 0) return refuse(501, "5.5.4", "HOLDFOR= takes a number of seconds");
  return hold(rules.now_ms + *seconds * 1000, fmt::format("for;{}", *seconds), rules, options);
}

std::expected<void, Verdict> take_holduntil(const Parameter& p, const MailRules& rules,
                                            SenderOptions& options) {
  const auto moment = mail::parse_internet_date(p.value);
  if (!moment) return refuse(501, "5.5.4", "HOLDUNTIL= takes a time like 2026-12-24T18:00:00Z");
  return hold(moment->utc_seconds * 1000, "until;" + mail::format_internet_date(moment->utc_seconds), rules,
              options);
}

// "120;R", "-15;NT".
std::expected<void, Verdict> take_by(const Parameter& p, const MailRules& rules, SenderOptions& options) {
  std::string_view mode = p.value;
  auto number = take_until(mode, ';');
  const bool negative = number.starts_with('-');
  if (negative || number.starts_with('+')) number.remove_prefix(1);
  const auto seconds = seconds_of(number);
  const bool trace = mode.size() == 2 && iequals(mode.substr(1), "T");
  const bool known = iequals(mode.substr(0, 1), "R") || iequals(mode.substr(0, 1), "N");
  if (!seconds || !known || (mode.size() != 1 && !trace) || options.deliver_by_ms != 0)
    return refuse(501, "5.5.4",
                  "BY= takes seconds;R or seconds;N, with T behind it for a trace, and stands once");
  options.by_returns = iequals(mode.substr(0, 1), "R");
  options.by_trace = trace;
  if (options.by_returns && (negative || *seconds == 0))
    return refuse(501, "5.5.4", "BY= with R takes a time to come");
  if (options.by_returns && *seconds < rules.shortest_by_s)
    return refuse(555, "5.5.4",
                  fmt::format("Delivery within {} seconds cannot be promised here, {} at least", *seconds,
                              rules.shortest_by_s));
  options.deliver_by_ms = rules.now_ms + (negative ? -*seconds : *seconds) * 1000;
  return {};
}

std::expected<void, Verdict> take_priority(const Parameter& p, const MailRules&, SenderOptions& options) {
  const auto digits = p.value.starts_with('-') ? p.value.substr(1) : p.value;
  const bool sound = digits.size() == 1 && is_digit(digits[0]) && !options.mt_priority;
  if (!sound) return refuse(501, "5.5.4", "MT-PRIORITY= takes a number from -9 to 9, once");
  options.mt_priority = digits.size() == p.value.size() ? digits[0] - '0' : '0' - digits[0];
  return {};
}

std::expected<void, Verdict> take_requiretls(const Parameter& p, const MailRules&, SenderOptions& options) {
  if (p.has_value || options.require_tls)
    return refuse(501, "5.5.4", "REQUIRETLS has no value and stands once");
  options.require_tls = true;
  return {};
}

struct Row {
  std::string_view name;
  TakeParameter take;
  bool (*offered)(const MailRules& rules);
};
constexpr Row kRows[] = {
    {"HOLDFOR", take_holdfor, [](const MailRules& rules) { return rules.longest_hold_s > 0; }},
    {"HOLDUNTIL", take_holduntil, [](const MailRules& rules) { return rules.longest_hold_s > 0; }},
    {"BY", take_by, [](const MailRules& rules) { return rules.shortest_by_s >= 0; }},
    {"REQUIRETLS", take_requiretls, [](const MailRules& rules) { return rules.require_tls; }},
    {"MT-PRIORITY", take_priority, [](const MailRules& rules) { return rules.mt_priority; }},
};

}  // namespace

TakeParameter extension_parameter(std::string_view name, const MailRules& rules) {
  for (const auto& row : kRows)
    if (iequals(row.name, name)) return row.offered(rules) ? row.take : nullptr;
  return nullptr;
}

}  // namespace waxwing::mta::protocol
