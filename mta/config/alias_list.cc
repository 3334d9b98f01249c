#include "mta/config/alias_list.h"

#include "common/base/strings.h"

namespace waxwing::mta {

namespace {
using Takes = ListParameterSpec::Takes;

// Parameters that only shape header and text change nothing about who may write: they may wait.
constexpr ListParameterSpec kParameters[] = {
    {"AND", Takes::nothing, true, "each access clause must be fulfilled"},
    {"OR", Takes::nothing, true, "one access clause is enough"},
    {"AUTH_LIST", Takes::clause_list, true, "only these may write"},
    {"CANT_LIST", Takes::clause_list, true, "these may not write"},
    {"USERNAME_AUTH_LIST", Takes::clause_list, true, "only these may write, and only authenticated"},
    {"USERNAME_CANT_LIST", Takes::clause_list, true, "these authenticated senders may not write"},
    {"SASL_AUTH_LIST", Takes::clause_list, true, "the same as USERNAME_AUTH_LIST"},
    {"SASL_CANT_LIST", Takes::clause_list, true, "the same as USERNAME_CANT_LIST"},
    {"AUTH_USERNAME", Takes::clause_username, true,
     "only authenticated senders that fit this pattern may write"},
    {"CANT_USERNAME", Takes::clause_username, true,
     "authenticated senders that fit this pattern may not write"},
    {"AUTH_CHANNEL", Takes::clause_channel, true, "only from channels that fit this pattern"},
    {"CANT_CHANNEL", Takes::clause_channel, true, "not from channels that fit this pattern"},
    {"AUTH_MAPPING", Takes::clause_mapping, true, "only who gets $Y from this table may write"},
    {"CANT_MAPPING", Takes::clause_mapping, true, "who gets $Y from this table may not write"},
    {"MODERATOR_ADDRESS", Takes::address, true, "gets what others than moderators write"},
    {"MODERATOR_LIST", Takes::clause_list, true, "these write without asking the moderator"},
    {"MODERATOR_MAPPING", Takes::clause_mapping, true, "who gets $Y from this table writes without asking"},
    {"HOLD_LIST", Takes::clause_list, true, "what these write is held"},
    {"NOHOLD_LIST", Takes::clause_list, true, "what others than these write is held"},
    {"HOLD_MAPPING", Takes::clause_mapping, true, "what is written by who gets $Y from this table is held"},
    {"NOHOLD_MAPPING", Takes::clause_mapping, true,
     "what is written by who gets no $Y from this table is held"},
    {"BLOCKLIMIT", Takes::number, true, "largest message, in blocks"},
    {"ENVELOPE_FROM", Takes::address, true, "envelope From of what goes to the members"},
    {"EXPANDABLE", Takes::nothing, true, "EXPN shows the members"},
    {"NONEXPANDABLE", Takes::nothing, true, "EXPN shows nothing of the members"},
    {"LINELIMIT", Takes::number, true, "largest message, in lines"},
    {"COMMENTS", Takes::address, true, "Comments: field"},
    {"CONVERSION_TAG", Takes::address, false, "conversion tag"},
    {"DEFERRED", Takes::address, true, "Deferred-delivery: field"},
    {"NODEFERRED", Takes::nothing, false, "ignore Deferred-delivery:"},
    {"DELAY_NOTIFICATIONS", Takes::nothing, true, "who gets the list's errors hears of delays too"},
    {"NODELAY_NOTIFICATIONS", Takes::nothing, true, "who gets the list's errors hears of no delays"},
    {"ERRORS_TO", Takes::address, true, "Errors-to: field"},
    {"FILTER", Takes::address, false, "Sieve script"},
    {"HEADER_ADDITION", Takes::header_file, true, "file of header fields to add"},
    {"HEADER_ALIAS", Takes::nothing, false, "header shows the alias"},
    {"HEADER_EXPANSION", Takes::nothing, false, "header shows the members"},
    {"HEADER_TRIM", Takes::option_file, true, "header option file"},
    {"IMPORTANCE", Takes::address, true, "Importance: field"},
    {"KEEP_DELIVERY", Takes::nothing, false, "keep delivery receipt requests"},
    {"KEEP_READ", Takes::nothing, false, "keep read receipt requests"},
    {"NORECEIVEDFOR", Takes::nothing, false, "no recipient in Received:"},
    {"NORECEIVEDFROM", Takes::nothing, false, "no sender in Received:"},
    {"OPTIN", Takes::address, false, "spam filter opt-in"},
    {"ORIGINATOR", Takes::address, false, "originator of the list"},
    {"PRECEDENCE", Takes::address, true, "Precedence: field"},
    {"PREFIX_TEXT", Takes::address, true, "text in front of the message"},
    {"PRESERVE_DUPLICATES", Takes::nothing, false, "send twice who is listed twice"},
    {"PRIORITY", Takes::address, true, "Priority: field"},
    {"RECEIVEDFOR", Takes::nothing, false, "recipient in Received:"},
    {"RECEIVEDFROM", Takes::nothing, false, "sender in Received:"},
    {"REPLY_TO", Takes::address, true, "Reply-to: field"},
    {"RETURN_ADDRESS", Takes::address, true, "the same as ENVELOPE_FROM"},
    {"SENSITIVITY", Takes::address, true, "Sensitivity: field"},
    {"SEQUENCE_PREFIX", Takes::address, false, "number in front of the subject"},
    {"SEQUENCE_STRIP", Takes::address, false, "remove numbers from the subject"},
    {"SEQUENCE_SUFFIX", Takes::address, false, "number behind the subject"},
    {"SUFFIX_TEXT", Takes::address, true, "text behind the message"},
    {"TAG", Takes::address, true, "tag in front of the subject"},
    {"TITLE", Takes::address, false, "title of the list"},
    {"WARNINGS_TO", Takes::address, true, "Warnings-to: field"},
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

void add_clause(std::string_view name, ListClause clause, ListPolicy& policy) {
  clause.wanted = name.find("CANT_") == name.npos && !name.starts_with("NO");
  if (name.starts_with("MODERATOR_"))
    policy.moderator_access.push_back(std::move(clause));
  else if (name.find("HOLD_") != name.npos)
    policy.holding.push_back(std::move(clause));
  else
    policy.access.push_back(std::move(clause));
}
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
  const auto name = parameter.name;
  if (parameter.takes == Takes::nothing && !value.empty()) return "takes no value";
  if (parameter.takes != Takes::nothing && value.empty()) return "wants a value";
  if (is_clause(parameter.takes)) {
    list.asks = parameter.takes == Takes::clause_channel                     ? ListClause::Asks::channel
                : parameter.takes == Takes::clause_mapping                   ? ListClause::Asks::mapping
                : parameter.takes == Takes::clause_username                  ? ListClause::Asks::username
                : name.starts_with("USERNAME_") || name.starts_with("SASL_") ? ListClause::Asks::username
                                                                             : ListClause::Asks::sender;
    if (parameter.takes == Takes::clause_mapping) list.table = value;
    if (parameter.takes == Takes::clause_username || parameter.takes == Takes::clause_channel)
      list.patterns.emplace_back(value);
    add_clause(name, std::move(list), policy);
  } else if (name == "AND" || name == "OR") {
    policy.any = name == "OR";
  } else if (name == "MODERATOR_ADDRESS") {
    policy.moderators.emplace_back(value);
  } else if (name == "ENVELOPE_FROM" || name == "RETURN_ADDRESS") {
    policy.envelope_from = value;
  } else if (const auto field = field_of(name); !field.empty()) {
    set_list_header(policy.effects, field, value);
  } else if (name.ends_with("DELAY_NOTIFICATIONS")) {
    policy.notify = name.starts_with("NO") ? "FAILURE" : "FAILURE,DELAY";
  } else if (name == "TAG") {
    policy.effects.subject_tag = value;
  } else if (name == "PREFIX_TEXT") {
    policy.effects.prefix_text = text_of(value);
  } else if (name == "SUFFIX_TEXT") {
    policy.effects.suffix_text = text_of(value);
  } else if (name == "LINELIMIT") {
    const auto limit = to_number<std::int64_t>(value);
    if (!limit || *limit < 1) return "wants a number of lines";
    policy.effects.line_limit = *limit;
  } else if (parameter.takes == Takes::header_file) {
    for (const auto& line : list.patterns) policy.effects.add_headers.push_back(line);
  } else if (name == "BLOCKLIMIT") {
    const auto limit = to_number<std::int64_t>(value);
    if (!limit || *limit < 1) return "wants a number of blocks";
    policy.block_limit = *limit;
  } else {
    policy.expandable = name == "EXPANDABLE";
  }
  return {};
}

}  // namespace waxwing::mta
