#include "mta/config/alias_list.h"

#include "common/base/strings.h"

namespace waxwing::mta {

namespace {
using Takes = ListParameterSpec::Takes;
using enum ListParameterSpec::State;

constexpr ListParameterSpec kParameters[] = {
    {"AND", Takes::nothing, here, "each access clause must be fulfilled"},
    {"OR", Takes::nothing, here, "one access clause is enough"},
    {"AUTH_LIST", Takes::clause_list, here, "only these may write"},
    {"CANT_LIST", Takes::clause_list, here, "these may not write"},
    {"USERNAME_AUTH_LIST", Takes::clause_list, here, "only these may write, and only authenticated"},
    {"USERNAME_CANT_LIST", Takes::clause_list, here, "these authenticated senders may not write"},
    {"AUTH_USERNAME", Takes::clause_username, here,
     "only authenticated senders that fit this pattern may write"},
    {"CANT_USERNAME", Takes::clause_username, here,
     "authenticated senders that fit this pattern may not write"},
    {"AUTH_CHANNEL", Takes::clause_channel, here, "only from channels that fit this pattern"},
    {"CANT_CHANNEL", Takes::clause_channel, here, "not from channels that fit this pattern"},
    {"AUTH_MAPPING", Takes::clause_mapping, here, "only who gets $Y from this table may write"},
    {"CANT_MAPPING", Takes::clause_mapping, here, "who gets $Y from this table may not write"},
    {"MODERATOR_ADDRESS", Takes::address, here, "gets what others than moderators write"},
    {"MODERATOR_LIST", Takes::clause_list, here, "these write without asking the moderator"},
    {"MODERATOR_MAPPING", Takes::clause_mapping, here, "who gets $Y from this table writes without asking"},
    {"HOLD_LIST", Takes::clause_list, here, "what these write is held"},
    {"NOHOLD_LIST", Takes::clause_list, here, "what others than these write is held"},
    {"HOLD_MAPPING", Takes::clause_mapping, here, "what is written by who gets $Y from this table is held"},
    {"NOHOLD_MAPPING", Takes::clause_mapping, here,
     "what is written by who gets no $Y from this table is held"},
    {"BLOCKLIMIT", Takes::number, here, "largest message, in blocks"},
    {"ENVELOPE_FROM", Takes::address, here, "envelope From of what goes to the members"},
    {"EXPANDABLE", Takes::nothing, here, "EXPN shows the members"},
    {"NONEXPANDABLE", Takes::nothing, here, "EXPN shows nothing of the members"},
    {"LINELIMIT", Takes::number, here, "largest message, in lines"},
    {"COMMENTS", Takes::address, here, "Comments: field"},
    {"DEFERRED", Takes::address, here, "Deferred-delivery: field"},
    {"DELAY_NOTIFICATIONS", Takes::nothing, here, "who gets the list's errors hears of delays too"},
    {"NODELAY_NOTIFICATIONS", Takes::nothing, here, "who gets the list's errors hears of no delays"},
    {"ERRORS_TO", Takes::address, here, "Errors-to: field"},
    {"HEADER_ADDITION", Takes::header_file, here, "file of header fields to add"},
    {"HEADER_TRIM", Takes::option_file, here, "header option file"},
    {"IMPORTANCE", Takes::address, here, "Importance: field"},
    {"PRECEDENCE", Takes::address, here, "Precedence: field"},
    {"PREFIX_TEXT", Takes::address, here, "text in front of the message"},
    {"PRIORITY", Takes::address, here, "Priority: field"},
    {"REPLY_TO", Takes::address, here, "Reply-to: field"},
    {"RETURN_ADDRESS", Takes::address, here, "the same as ENVELOPE_FROM"},
    {"SENSITIVITY", Takes::address, here, "Sensitivity: field"},
    {"SUFFIX_TEXT", Takes::address, here, "text behind the message"},
    {"TAG", Takes::address, here, "tag in front of the subject"},
    {"WARNINGS_TO", Takes::address, here, "Warnings-to: field"},
    {"CONVERSION_TAG", Takes::address, here, "tags for the conversion channel"},
    {"NODEFERRED", Takes::nothing, here, "members get the message at once, whatever Deferred-delivery: says"},
    {"RECEIVEDFOR", Takes::nothing, here, "the list's address in the Received: field of the process channel"},
    {"NORECEIVEDFOR", Takes::nothing, here, "not that"},
    {"RECEIVEDFROM", Takes::nothing, here,
     "the first envelope From in the Received: field of the process channel"},
    {"NORECEIVEDFROM", Takes::nothing, here, "not that"},
    {"SEQUENCE_PREFIX", Takes::address, here, "number in front of the subject"},
    {"SEQUENCE_SUFFIX", Takes::address, here, "number behind the subject"},
    {"SEQUENCE_STRIP", Takes::nothing, here, "an answer loses the number of what it answers"},
    {"SASL_AUTH_LIST", Takes::clause_list, here, "the same as USERNAME_AUTH_LIST"},
    {"SASL_CANT_LIST", Takes::clause_list, here, "the same as USERNAME_CANT_LIST"},
    {"SASL_AUTH_USERNAME", Takes::clause_username, here, "the same as AUTH_USERNAME"},
    {"SASL_CANT_USERNAME", Takes::clause_username, here, "the same as CANT_USERNAME"},
    {"SASL_AUTH_CHANNEL", Takes::clause_channel, here, "AUTH_CHANNEL, of who has logged in"},
    {"SASL_CANT_CHANNEL", Takes::clause_channel, here, "CANT_CHANNEL, of who has logged in"},
    {"SASL_AUTH_MAPPING", Takes::clause_mapping, here, "AUTH_MAPPING, of who has logged in"},
    {"SASL_CANT_MAPPING", Takes::clause_mapping, here, "CANT_MAPPING, of who has logged in"},
    {"SASL_MODERATOR_ADDRESS", Takes::address, here, "MODERATOR_ADDRESS, who must log in to write as one"},
    {"SASL_MODERATOR_LIST", Takes::clause_list, here, "MODERATOR_LIST, of who has logged in"},
    {"SASL_MODERATOR_MAPPING", Takes::clause_mapping, here, "MODERATOR_MAPPING, of who has logged in"},
    {"HEADER_ALIAS", Takes::nothing, needless,
     "the header shows the address of the list, whatever it stands for"},
    {"KEEP_DELIVERY", Takes::nothing, needless, "requests for receipts stay in the header"},
    {"KEEP_READ", Takes::nothing, needless, "requests for receipts stay in the header"},
    {"FILTER", Takes::address, filters, "Sieve script"},
    {"OPTIN", Takes::address, filters, "spam filter opt-in"},
    {"HEADER_EXPANSION", Takes::nothing, refused,
     "the members of a list are not put into headers, where all see them"},
    {"PRESERVE_DUPLICATES", Takes::nothing, refused,
     "a second copy for a mailbox counts as the repetition of a delivery, and is dropped there"},
    {"ORIGINATOR", Takes::address, refused, "no manual at hand tells what it does"},
    {"TITLE", Takes::address, refused, "no manual at hand tells what it does"},
    {"PRIVATE", Takes::address, refused, "no manual at hand tells what it does"},
    {"PUBLIC", Takes::address, refused, "no manual at hand tells what it does"},
    {"NOTIFICATION", Takes::address, refused, "no manual at hand tells what it does"},
    {"TEXT", Takes::address, refused, "no manual at hand tells what it does"},
};

// Parameters whose value is the body of a header field.
struct HeaderParameter {
  std::string_view parameter, field;
};
constexpr HeaderParameter kHeaders[] = {
    {"REPLY_TO", "Reply-To"}, {"ERRORS_TO", "Errors-To"},     {"WARNINGS_TO", "Warnings-To"},
    {"COMMENTS", "Comments"}, {"IMPORTANCE", "Importance"},   {"PRECEDENCE", "Precedence"},
    {"PRIORITY", "Priority"}, {"SENSITIVITY", "Sensitivity"}, {"DEFERRED", "Deferred-Delivery"}};

std::string_view field_of(std::string_view parameter) {
  for (const auto& each : kHeaders)
    if (each.parameter == parameter) return each.field;
  return {};
}

// PREFIX_TEXT, SUFFIX_TEXT: "\\n" begins a new line.
std::string text_of(std::string_view value) {
  return replace_all(std::string(value), "\\n", "\n");
}

bool is_clause(Takes takes) {
  return takes == Takes::clause_list || takes == Takes::clause_username || takes == Takes::clause_channel ||
         takes == Takes::clause_mapping;
}

void add_clause(const ListParameterSpec& parameter, std::string_view value, ListClause clause,
                ListPolicy& policy) {
  using enum ListClause::Asks;
  auto name = parameter.name;
  clause.authenticated = name.starts_with("SASL_");
  if (clause.authenticated) name.remove_prefix(5);
  const bool of_username = clause.authenticated || name.starts_with("USERNAME_");
  switch (parameter.takes) {
    case Takes::clause_channel:
      clause.asks = channel;
      break;
    case Takes::clause_mapping:
      clause.asks = mapping;
      clause.table = value;
      break;
    case Takes::clause_username:
      clause.asks = username;
      break;
    default:
      clause.asks = of_username ? username : sender;
  }
  if (parameter.takes == Takes::clause_username || parameter.takes == Takes::clause_channel)
    clause.patterns.emplace_back(value);
  clause.wanted = name.find("CANT_") == name.npos && !name.starts_with("NO");
  auto& where = name.starts_with("MODERATOR_")    ? policy.moderator_access
                : name.find("HOLD_") != name.npos ? policy.holding
                                                  : policy.access;
  where.push_back(std::move(clause));
}

// The file that counts a list's messages: the last name of a path, since they all lie in run/sequence.
std::string set_sequence(std::string_view name, std::string_view value, ListPolicy& policy) {
  const auto slash = value.rfind('/');
  const auto file = to_lower(slash == value.npos ? value : value.substr(slash + 1));
  if (file.empty() || file.size() > 64 || file[0] == '.' ||
      file.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._-") != file.npos)
    return "wants the name of a file of letters, digits, dots, _ and -, which will be in run/sequence";
  if (!policy.effects.sequence.empty()) return "is the second sequence of this list";
  policy.effects.sequence = file;
  policy.effects.number_behind = name == "SEQUENCE_SUFFIX";
  return {};
}

std::string set_limit(std::string_view value, const char* of, std::int64_t& limit) {
  const auto number = to_number<std::int64_t>(value);
  if (!number || *number < 1) return std::string("wants a number of ") + of;
  limit = *number;
  return {};
}

// A parameter that puts its value somewhere. Answers what is wrong with it.
using Set = std::string (*)(std::string_view name, std::string_view value, ListPolicy& policy);
struct Setting {
  std::string_view name;
  Set set;
};
template <std::string ListEffects::*field>
std::string set_text(std::string_view, std::string_view value, ListPolicy& policy) {
  return (policy.effects.*field = text_of(value)), std::string();
}
template <bool ListEffects::*field, bool to>
std::string set_flag(std::string_view, std::string_view, ListPolicy& policy) {
  return (policy.effects.*field = to), std::string();
}
template <bool to>
std::string set_any(std::string_view, std::string_view, ListPolicy& policy) {
  return (policy.any = to), std::string();
}
template <bool to>
std::string set_expandable(std::string_view, std::string_view, ListPolicy& policy) {
  return (policy.expandable = to), std::string();
}
template <bool authenticated>
std::string add_moderator(std::string_view, std::string_view value, ListPolicy& policy) {
  return policy.moderators.push_back({std::string(value), authenticated}), std::string();
}
std::string set_sender(std::string_view, std::string_view value, ListPolicy& policy) {
  return (policy.envelope_from = value), std::string();
}
std::string set_tag(std::string_view, std::string_view value, ListPolicy& policy) {
  return (policy.effects.subject_tag = value), std::string();
}
std::string set_notices(std::string_view name, std::string_view, ListPolicy& policy) {
  return (policy.notify = name.starts_with("NO") ? "FAILURE" : "FAILURE,DELAY"), std::string();
}
std::string add_tags(std::string_view, std::string_view value, ListPolicy& policy) {
  if (value.find_first_of(" \t") != value.npos) return "wants tags, separated by commas without blanks";
  return policy.tags.append(policy.tags.empty() ? "" : ",").append(value), std::string();
}
std::string not_deferred(std::string_view, std::string_view, ListPolicy& policy) {
  return policy.effects.remove_headers.emplace_back("Deferred-Delivery"), std::string();
}
std::string set_line_limit(std::string_view, std::string_view value, ListPolicy& policy) {
  return set_limit(value, "lines", policy.effects.line_limit);
}
std::string set_block_limit(std::string_view, std::string_view value, ListPolicy& policy) {
  return set_limit(value, "blocks", policy.block_limit);
}

constexpr Setting kSettings[] = {
    {"AND", set_any<false>},
    {"OR", set_any<true>},
    {"MODERATOR_ADDRESS", add_moderator<false>},
    {"SASL_MODERATOR_ADDRESS", add_moderator<true>},
    {"ENVELOPE_FROM", set_sender},
    {"RETURN_ADDRESS", set_sender},
    {"DELAY_NOTIFICATIONS", set_notices},
    {"NODELAY_NOTIFICATIONS", set_notices},
    {"CONVERSION_TAG", add_tags},
    {"TAG", set_tag},
    {"PREFIX_TEXT", set_text<&ListEffects::prefix_text>},
    {"SUFFIX_TEXT", set_text<&ListEffects::suffix_text>},
    {"NODEFERRED", not_deferred},
    {"RECEIVEDFOR", set_flag<&ListEffects::tell_recipient, true>},
    {"NORECEIVEDFOR", set_flag<&ListEffects::tell_recipient, false>},
    {"RECEIVEDFROM", set_flag<&ListEffects::tell_sender, true>},
    {"NORECEIVEDFROM", set_flag<&ListEffects::tell_sender, false>},
    {"SEQUENCE_PREFIX", set_sequence},
    {"SEQUENCE_SUFFIX", set_sequence},
    {"SEQUENCE_STRIP", set_flag<&ListEffects::only_last_number, true>},
    {"EXPANDABLE", set_expandable<true>},
    {"NONEXPANDABLE", set_expandable<false>},
    {"LINELIMIT", set_line_limit},
    {"BLOCKLIMIT", set_block_limit},
};
}  // namespace

void set_list_header(ListEffects& effects, std::string_view field, std::string_view value) {
  std::string line(field);
  if (value.ends_with('*')) {
    effects.absent_headers.push_back(line.append(": ").append(trim(value.substr(0, value.size() - 1))));
    return;
  }
  effects.remove_headers.push_back(line);
  effects.add_headers.push_back(line.append(": ").append(value));
}

std::span<const ListParameterSpec> list_parameters() {
  return kParameters;
}

const ListParameterSpec* find_list_parameter(std::string_view name) {
  for (const auto& parameter : kParameters)
    if (iequals(parameter.name, name)) return &parameter;
  return nullptr;
}

std::string apply_list_parameter(const ListParameterSpec& parameter, std::string_view value, ListClause list,
                                 ListPolicy& policy) {
  const bool nothing = value.empty() || iequals(value, "NONE");  // as manuals write it
  if (parameter.takes == Takes::nothing && !nothing) return "takes no value";
  if (parameter.takes != Takes::nothing && value.empty()) return "wants a value";
  if (is_clause(parameter.takes)) return add_clause(parameter, value, std::move(list), policy), std::string();
  for (const auto& line : list.patterns) policy.effects.add_headers.push_back(line);  // of a header file
  if (const auto field = field_of(parameter.name); !field.empty())
    set_list_header(policy.effects, field, value);
  for (const auto& [name, set] : kSettings)
    if (name == parameter.name) return set(name, value, policy);
  return {};
}

}  // namespace waxwing::mta
