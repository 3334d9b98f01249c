#include "mta/protocol/command.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "mta/protocol/detail/mail_extensions.h"

namespace waxwing::mta::protocol {

namespace {

struct VerbName {
  std::string_view name;
  Verb verb;
};
constexpr VerbName kVerbs[] = {
    {"EHLO", Verb::ehlo}, {"HELO", Verb::helo},         {"LHLO", Verb::lhlo}, {"MAIL", Verb::mail},
    {"RCPT", Verb::rcpt}, {"DATA", Verb::data},         {"BDAT", Verb::bdat}, {"RSET", Verb::rset},
    {"NOOP", Verb::noop}, {"HELP", Verb::help},         {"VRFY", Verb::vrfy}, {"EXPN", Verb::expn},
    {"AUTH", Verb::auth}, {"STARTTLS", Verb::starttls}, {"QUIT", Verb::quit}, {"ETRN", Verb::etrn},
    {"BURL", Verb::burl}, {"XCLIENT", Verb::xclient}};

std::unexpected<Verdict> refuse(int code, std::string status, std::string text) {
  return std::unexpected(Verdict{code, std::move(status), std::move(text)});
}

// The next blank-separated NAME[=value] of rest.
std::expected<Parameter, Verdict> next_parameter(std::string_view& rest) {
  const auto end = rest.find_first_of(" \t");
  const auto word = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : trim(rest.substr(end));
  const auto equals = word.find('=');
  Parameter parameter{word.substr(0, equals), {}, equals != std::string_view::npos};
  if (parameter.has_value) parameter.value = word.substr(equals + 1);
  for (const char c : parameter.name)
    if (!is_alnum(c) && c != '-') return refuse(501, "5.5.4", "Malformed parameter " + printable(word, 60));
  if (parameter.name.empty() || (parameter.has_value && parameter.value.empty()))
    return refuse(501, "5.5.4", "Malformed parameter " + printable(word, 60));
  return parameter;
}

// Path after "FROM:" or "TO:"; argument becomes what follows it.
std::expected<std::string, Verdict> take_path(std::string_view& argument, std::string_view keyword, bool utf8,
                                              bool null_path, bool loose) {
  if (!istarts_with(argument, keyword) || argument.substr(keyword.size(), 1) != ":")
    return refuse(501, "5.5.4", fmt::format("Syntax error: {}:<address> expected", keyword));
  argument = trim(argument.substr(keyword.size() + 1));
  mail::SmtpPathOptions options;
  options.utf8 = utf8;
  options.null_path = null_path;
  options.bare_local_part = true;
  options.loose_brackets = loose;
  auto path = mail::parse_smtp_path(argument, options);
  if (!path) return refuse(501, null_path ? "5.1.7" : "5.1.3", path.error().text);
  const auto rest = argument.substr(path->consumed);
  if (!rest.empty() && !is_blank(rest.front()))
    return refuse(501, "5.5.4", "Blank expected after the address");
  argument = trim(rest);
  return path->spec.empty() ? std::string() : path->spec.text();
}

std::unexpected<Verdict> repeated(std::string_view name) {
  return refuse(501, "5.5.4", fmt::format("Parameter {} given twice or malformed", to_upper(name)));
}

bool wants(std::string_view argument, std::string_view word) {
  const auto at = ifind(argument, word);
  return at != std::string_view::npos && at > 0 && is_blank(argument[at - 1]);
}

std::expected<void, Verdict> take_size(const Parameter& p, const MailRules& rules, SenderOptions& options) {
  // RFC 1870: up to 20 digits; what does not fit 64 bits is over every limit.
  bool digits = p.has_value && p.value.size() <= 20;
  for (const char c : p.value) digits = digits && is_digit(c);
  if (!digits) return refuse(501, "5.5.4", "SIZE= takes a number of at most 20 digits");
  options.size_bytes = to_number<std::uint64_t>(p.value).value_or(UINT64_MAX);
  if (rules.size_limit && options.size_bytes > rules.size_limit)
    return refuse(552, "5.3.4", fmt::format("Message size exceeds the limit of {} bytes", rules.size_limit));
  return {};
}

std::expected<void, Verdict> take_body(const Parameter& p, const MailRules& rules, SenderOptions& options) {
  options.body_8bit = iequals(p.value, "8BITMIME");
  options.body_binary = rules.binary && iequals(p.value, "BINARYMIME");
  if (!options.body_8bit && !options.body_binary && !iequals(p.value, "7BIT"))
    return refuse(501, "5.5.4", "BODY= takes 7BIT, 8BITMIME or BINARYMIME");
  return {};
}

std::expected<void, Verdict> take_envid(const Parameter& p, SenderOptions& options) {
  auto value = mail::decode_xtext(p.value);
  if (!value || !options.envelope_id.empty() || p.value.size() > 100 ||
      value->find_first_of("\r\n") != std::string::npos || value->find('\0') != std::string::npos)
    return repeated(p.name);
  options.envelope_id = std::move(*value);
  return {};
}

std::expected<void, Verdict> take_mail_parameter(const Parameter& p, const MailRules& rules,
                                                 SenderOptions& options) {
  if (rules.size && iequals(p.name, "SIZE")) return take_size(p, rules, options);
  if (rules.body && iequals(p.name, "BODY")) return take_body(p, rules, options);
  if (rules.smtputf8 && iequals(p.name, "SMTPUTF8") && !p.has_value) {
    options.smtputf8 = true;
    return {};
  }
  if (rules.dsn && iequals(p.name, "ENVID")) return take_envid(p, options);
  if (rules.dsn && iequals(p.name, "RET")) {
    if (!options.ret.empty() || !(iequals(p.value, "FULL") || iequals(p.value, "HDRS")))
      return repeated(p.name);
    options.ret = to_upper(p.value);
    return {};
  }
  if (rules.auth && iequals(p.name, "AUTH")) {
    auto value = mail::decode_xtext(p.value);
    if (!value || !options.auth.empty()) return repeated(p.name);
    options.auth = std::move(*value);
    return {};
  }
  if (const auto take = extension_parameter(p.name, rules)) return take(p, rules, options);
  return refuse(555, "5.5.4", fmt::format("Parameter {} is not known here", printable(p.name, 40)));
}

// RFC 3461 §4.1: NEVER alone, or a list of SUCCESS, FAILURE, DELAY.
bool is_notify(std::string_view value) {
  if (iequals(value, "NEVER")) return true;
  for (const auto word : split(value, ','))
    if (!iequals(word, "SUCCESS") && !iequals(word, "FAILURE") && !iequals(word, "DELAY")) return false;
  return !value.empty();
}

std::expected<void, Verdict> take_rcpt_parameter(const Parameter& p, const RcptRules& rules,
                                                 RecipientOptions& options) {
  if (rules.dsn && iequals(p.name, "NOTIFY")) {
    if (!options.notify.empty() || p.value.size() > 28 || !is_notify(p.value)) return repeated(p.name);
    options.notify = to_upper(p.value);
    return {};
  }
  if (rules.dsn && iequals(p.name, "ORCPT")) {
    const auto semicolon = p.value.find(';');
    if (!options.original.empty() || p.value.size() > 500 || semicolon == std::string_view::npos ||
        semicolon == 0)
      return repeated(p.name);
    for (const char c : p.value.substr(0, semicolon))
      if (!is_alnum(c) && c != '-') return repeated(p.name);
    auto value = mail::decode_xtext(p.value.substr(semicolon + 1));
    if (!value || value->empty() || value->find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      return repeated(p.name);
    options.original = std::string(p.value.substr(0, semicolon + 1)) + *value;
    return {};
  }
  return refuse(555, "5.5.4", fmt::format("Parameter {} is not known here", printable(p.name, 40)));
}

// Every parameter behind the address, one after the other.
template <class Take>
std::expected<void, Verdict> take_parameters(std::string_view text, bool extended, const Take& take) {
  if (!text.empty() && !extended) return refuse(501, "5.5.4", "Parameters need EHLO");
  while (!text.empty()) {
    auto parameter = next_parameter(text);
    if (!parameter) return std::unexpected(parameter.error());
    if (auto taken = take(*parameter); !taken) return taken;
  }
  return {};
}

}  // namespace

Command parse_command(std::string_view line) {
  const auto end = line.find_first_of(" \t");
  Command command{Verb::unknown, line.substr(0, end), {}};
  if (end != std::string_view::npos) command.argument = trim(line.substr(end));
  for (const auto& [name, verb] : kVerbs) {
    if (!iequals(command.name, name)) continue;
    command.verb = verb;
    break;
  }
  return command;
}

bool is_http_request(std::string_view line) {
  constexpr std::string_view methods[] = {"GET",     "POST",  "PUT",   "HEAD",   "CONNECT",
                                          "OPTIONS", "PATCH", "TRACE", "DELETE", "PRI"};
  const auto method = take_until(line, ' ');
  for (const auto name : methods)
    if (iequals(method, name)) return true;
  return false;
}

std::expected<MailCommand, Verdict> parse_mail(std::string_view argument, const MailRules& rules) {
  MailCommand command;
  // The address stands before the parameter that says whether it may hold UTF-8.
  const bool utf8 = rules.smtputf8 && wants(argument, "SMTPUTF8");
  auto address = take_path(argument, "FROM", utf8, true, rules.loose_brackets);
  if (!address) return std::unexpected(address.error());
  command.address = std::move(*address);
  const auto take = [&](const Parameter& p) { return take_mail_parameter(p, rules, command.options); };
  if (auto taken = take_parameters(argument, rules.extended, take); !taken)
    return std::unexpected(taken.error());
  if (command.options.hold_until_ms != 0 && command.options.by_returns &&
      command.options.deliver_by_ms <= command.options.hold_until_ms)
    return refuse(501, "5.5.4", "The time of BY= is over before the message is released");
  if (!mail::is_ascii(command.address) && !command.options.smtputf8)
    return refuse(553, "5.6.7", "A non-ASCII sender address needs SMTPUTF8");
  return command;
}

std::expected<RcptCommand, Verdict> parse_rcpt(std::string_view argument, const RcptRules& rules) {
  RcptCommand command;
  auto address = take_path(argument, "TO", rules.smtputf8, false, rules.loose_brackets);
  if (!address) return std::unexpected(address.error());
  command.address = std::move(*address);
  const auto take = [&](const Parameter& p) { return take_rcpt_parameter(p, rules, command.options); };
  if (auto taken = take_parameters(argument, rules.extended, take); !taken)
    return std::unexpected(taken.error());
  return command;
}

std::expected<BdatCommand, Verdict> parse_bdat(std::string_view argument) {
  const auto words = split_words(argument);
  const auto size = words.empty() ? std::nullopt : to_number<std::uint64_t>(words[0]);
  const bool last = words.size() == 2 && iequals(words[1], "LAST");
  if (!size || words.size() > 2 || (words.size() == 2 && !last))
    return refuse(501, "5.5.4", "Syntax: BDAT size [LAST]");
  return BdatCommand{*size, last};
}

std::expected<BurlCommand, Verdict> parse_burl(std::string_view argument) {
  const auto words = split_words(argument);
  const bool last = words.size() == 2 && iequals(words[1], "LAST");
  if (words.empty() || words.size() > 2 || (words.size() == 2 && !last))
    return refuse(501, "5.5.4", "Syntax: BURL url [LAST]");
  return BurlCommand{words[0], last};
}

std::expected<std::string, Verdict> parse_hello(std::string_view argument, std::size_t max_bytes) {
  if (argument.empty()) return refuse(501, "5.5.4", "A host name is needed");
  if (argument.size() > max_bytes) return refuse(501, "5.5.4", "The host name is too long");
  for (const unsigned char c : argument)
    if (c <= ' ' || c == 0x7f || c == '(' || c == ')' || c == '<' || c == '>' || c == '"' || c == '\\')
      return refuse(501, "5.5.4", "That is no host name");
  if (!is_utf8(argument)) return refuse(501, "5.5.4", "That is no host name");
  return std::string(argument);
}

}  // namespace waxwing::mta::protocol
