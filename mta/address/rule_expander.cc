#include "mta/address/rule_expander.h"

#include <algorithm>

#include "common/base/random.h"
#include "mta/address/ldap_value.h"
#include "mta/address/mapping.h"
#include "mta/address/rule_failure.h"
#include "mta/address/site_routine.h"

namespace waxwing::mta {
namespace {

constexpr int kMaxDepth = 12;
constexpr std::size_t kMaxOutput = 8192;
constexpr std::string_view kDollar = "\x01";

bool is_internal(const Channel* channel) {
  if (!channel) return false;
  const auto& name = channel->name();
  return name.starts_with("process") || name.starts_with("reprocess") || name == "conversion" ||
         name == "defragment" || name == "hold";
}

bool asks(StepKind kind) {
  return kind == StepKind::ldap || kind == StepKind::mapping || kind == StepKind::domain_attribute ||
         kind == StepKind::general || kind == StepKind::site_routine || kind == StepKind::local_domain ||
         kind == StepKind::not_local_domain || kind == StepKind::error_text;
}

// Text, % and @, parts of the address and controls; an error text of the same.
bool only_says(const std::vector<Step>& list) {
  return std::ranges::all_of(list, [](const auto& step) {
    return (!asks(step.kind) || step.kind == StepKind::error_text) && only_says(step.inner);
  });
}

// n-th of the parts between dots, from either end; "" when there is none.
std::string_view part_of(std::string_view text, int n, bool from_right) {
  while (text.starts_with('.')) text.remove_prefix(1);
  const auto parts = split(text, '.');
  if (text.empty() || n < 0 || static_cast<std::size_t>(n) >= parts.size()) return {};
  return parts[from_right ? parts.size() - 1 - static_cast<std::size_t>(n) : static_cast<std::size_t>(n)];
}

// From the n-th part on.
std::string_view parts_from(std::string_view text, int n) {
  for (; n > 0 && !text.empty(); --n) {
    const auto dot = text.find('.', text.starts_with('.') ? 1 : 0);
    text = dot == text.npos ? std::string_view{} : text.substr(dot + 1);
  }
  return text;
}

}  // namespace

Result<bool> RuleExpander::run(const std::vector<Step>& list) {
  marks.reserve(4);  // A@B@C@D has three
  TRY(auto good, steps(list, text, true, 0));
  if (!origin_checks()) {
    if (lookup_.trace) why = "the host stands " + origin_text(match_.origin);
    return false;
  }
  if (ended_early_ || (good && channel_checks())) return true;
  if (good && lookup_.trace) why = channel_failure();
  return false;
}

std::string RuleExpander::channel_failure() const {
  const auto name = [](const Channel* channel) { return channel ? channel->name() : std::string("none"); };
  if (source_bad_ || (any_source_ && !source_ok_)) return "the source channel is " + name(request_.source);
  return "the destination channel is " + name(request_.destination);
}

Result<bool> RuleExpander::steps(const std::vector<Step>& list, std::string& out, bool top, int depth) {
  if (depth > kMaxDepth) return permanent("substitutions that bring forth substitutions without end");
  for (const auto& step : list) {
    bool good = false;
    if (asks(step.kind)) {
      TRY(good, asked(step, out, top, depth));
    } else {
      good = at_hand(step, out, top);
    }
    if (!good && lookup_.trace && why.empty()) why = why_step_fails(step, request_);
    if (!good || ended_early_) return false;
    if (out.size() > kMaxOutput) return permanent("the result of a rewrite rule grows too long");
  }
  return true;
}

// What asks the directory or a table, or has steps of its own.
Result<bool> RuleExpander::asked(const Step& step, std::string& out, bool top, int depth) {
  switch (step.kind) {
    case StepKind::local_domain:
    case StepKind::not_local_domain:
      return domain_check(step, depth);
    case StepKind::error_text: {
      std::string message;
      TRY_VOID(steps(step.inner, message, false, depth + 1));
      error = std::move(message);
      error_code = std::max(step.number, 0);
      return true;
    }
    default:
      return look_up(step, out, top, depth);
  }
}

// All else. False: the rule fails.
bool RuleExpander::at_hand(const Step& step, std::string& out, bool top) {
  switch (step.kind) {
    case StepKind::literal:
      out += step.text;
      return true;
    case StepKind::percent:
    case StepKind::at:
      if (top) marks.push_back(out.size());
      out += step.kind == StepKind::at ? '@' : '%';
      return true;
    case StepKind::lower_case:
    case StepKind::upper_case:
    case StepKind::keep_case:
      case_ = step.kind;
      return true;
    case StepKind::ldap_quote:
      quote_ = true;
      return true;
    case StepKind::set_tag:
      tag = step.text;
      return true;
    case StepKind::check_now:
      ended_early_ = !channel_checks();
      return true;
    default:
      break;
  }
  if (step.kind >= StepKind::only_envelope) return control(step);
  std::string made;
  put(value(step, made), out);
  return true;
}

// Controls that can be decided, or noted, at once.
bool RuleExpander::control(const Step& step) {
  switch (step.kind) {
    case StepKind::only_envelope:
      return request_.envelope;
    case StepKind::only_header:
      return !request_.envelope;
    case StepKind::only_forward:
      return request_.forward;
    case StepKind::only_backward:
      return !request_.forward;
    case StepKind::only_source:
      any_source_ = true;
      source_ok_ = source_ok_ || is_source(step.text);
      return true;
    case StepKind::not_source:
      source_bad_ = source_bad_ || is_source(step.text);
      return true;
    case StepKind::only_destination:
      any_destination_ = true;
      destination_ok_ =
          destination_ok_ || (request_.destination && iequals(request_.destination->name(), step.text));
      return true;
    case StepKind::not_destination:
      destination_bad_ =
          destination_bad_ || (request_.destination && iequals(request_.destination->name(), step.text));
      return true;
    case StepKind::only_internal:
      any_source_ = true;
      source_ok_ = source_ok_ || is_internal(request_.source);
      return true;
    case StepKind::not_internal:
      source_bad_ = source_bad_ || is_internal(request_.source);
      return true;
    case StepKind::from_at:
      origins_ |= 1U << static_cast<unsigned>(RewriteRequest::Origin::at);
      return true;
    case StepKind::from_percent:
      origins_ |= 1U << static_cast<unsigned>(RewriteRequest::Origin::percent);
      return true;
    case StepKind::from_route:
      origins_ |= 1U << static_cast<unsigned>(RewriteRequest::Origin::route);
      return true;
    case StepKind::from_bang:
      origins_ |= 1U << static_cast<unsigned>(RewriteRequest::Origin::bang);
      return true;
    default:
      return false;
  }
}

bool RuleExpander::is_source(std::string_view channel) const {
  return request_.source && iequals(request_.source->name(), channel);
}

bool RuleExpander::origin_checks() const {
  return origins_ == 0 || (origins_ >> static_cast<unsigned>(match_.origin) & 1U);
}

bool RuleExpander::channel_checks() const {
  if (request_.source && request_.source->is(Kw::norules)) return true;
  if (source_bad_ || (any_source_ && !source_ok_)) return false;
  if (!request_.destination) return true;
  return !destination_bad_ && (!any_destination_ || destination_ok_);
}

Result<bool> RuleExpander::look_up(const Step& step, std::string& out, bool top, int depth) {
  std::string argument;
  const bool quote_before = quote_;
  TRY(auto good, steps(step.inner, argument, false, depth + 1));
  if (!good) return false;
  quote_ = false;  // what comes back is no part of a filter
  TRY(auto found, answer(step, argument, out, top, depth));
  quote_ = quote_before;
  return found;
}

Result<bool> RuleExpander::answer(const Step& step, const std::string& argument, std::string& out, bool top,
                                  int depth) {
  TRY(auto value, found(step, argument));
  lookup_.say(
      [&] { return "      " + step_text(step) + " is " + (value ? "\"" + *value + "\"" : "nothing"); });
  if (!value) return false;
  const bool again =
      step.kind == StepKind::mapping || step.kind == StepKind::general || step.kind == StepKind::site_routine;
  if (!again || value->find_first_of("$%@") == value->npos) return (put(*value, out), true);
  auto more = compile_rule_template(*value);
  if (!more) return wrap(more.error(), step_text(step) + " is " + printable(*value));
  // The general database is the administrator's own text. What tables and routines answer may be that of strangers
  // and users, from the address or the directory.
  if (step.kind != StepKind::general && !only_says(*more))
    return permanent(
        step_text(step) + " is " + printable(*value) +
        ": there may be text and controls in it, but nothing that looks up or calls; a $ that is meant is "
        "written $$");
  return steps(*more, out, top, depth + 1);
}

// The answer is expanded again, but not what a stranger wrote into the address: a $ of the argument goes through
// the table as a byte that no address holds, and comes out as a $ that is meant.
Result<std::optional<std::string>> RuleExpander::from_mapping(const std::string& table,
                                                              const std::string& argument) const {
  const bool has_dollar = argument.find('$') != argument.npos;
  TRY(auto answer,
      apply_mapping(lookup_, table, has_dollar ? replace_all(argument, "$", kDollar) : argument));
  if (!answer.matched || !answer.flags.has('Y')) return std::nullopt;
  return has_dollar ? replace_all(std::move(answer.text), kDollar, "$$") : std::move(answer.text);
}

// What a substitution that looks something up finds.
Result<std::optional<std::string>> RuleExpander::found(const Step& step, const std::string& argument) {
  switch (step.kind) {
    case StepKind::mapping:
      return from_mapping(step.text, argument);
    case StepKind::general: {
      TRY(const auto values, lookup_.config.databases().find(DatabaseId::general, argument, lookup_.ask));
      if (values.empty()) return std::nullopt;
      return std::string(values.front());
    }
    case StepKind::site_routine:
      return call_site_routine(lookup_, step.text, argument);
    case StepKind::ldap:
      return ldap_value(lookup_, argument);
    default:
      return domain_attribute(lookup_, argument, step.text);
  }
}

// Ours is a domain that the directory knows, and whose mailRoutingHosts, when there are any, name this host.
Result<bool> RuleExpander::domain_check(const Step& step, int depth) {
  std::string name;
  TRY(auto good, steps(step.inner, name, false, depth + 1));
  if (!good) return false;
  auto asked = local_domain(lookup_, name);
  if (!asked) {
    domain_failed = asked.error().fault == Fault::temporary && !directory::is_would_block(asked.error());
    return std::unexpected(asked.error());
  }
  const auto domain = std::move(*asked);
  bool local = domain != nullptr;
  if (local && !domain->routing_hosts.empty())
    local = std::ranges::any_of(domain->routing_hosts,
                                [&](const auto& host) { return lookup_.config.is_local_host(host); });
  if (domain && !local && step.kind == StepKind::local_domain &&
      lookup_.config.options().flag(Opt::ROUTE_TO_ROUTING_HOST))
    routing_host = domain->routing_hosts.front();
  lookup_.say([&] { return "      domain " + name + (local ? " is local" : " is not local"); });
  return local == (step.kind == StepKind::local_domain);
}

// made holds what the answer is a view of, when that stands nowhere else.
std::string_view RuleExpander::value(const Step& step, std::string& made) const {
  switch (step.kind) {
    case StepKind::local_part: {
      if (step.number != 0 && step.number != 1) return match_.local;
      const auto plus = std::min(match_.local.find('+'), match_.local.size());
      if (step.number == 0) return match_.local.substr(0, plus);
      return plus < match_.local.size() ? match_.local.substr(plus + 1) : std::string_view{};
    }
    case StepKind::matched:
      return parts_from(match_.matched, step.number);
    case StepKind::unmatched:
      return parts_from(match_.unmatched, step.number);
    case StepKind::literal_rest:
      return match_.literal_rest;
    case StepKind::address_char: {
      made.append(match_.local).append("@").append(match_.host);
      const auto at = static_cast<std::size_t>(step.number);
      return at < made.size() ? std::string_view(made).substr(at, 1) : std::string_view{};
    }
    case StepKind::host_part:
      return part_of(match_.host, step.number, false);
    case StepKind::unique:
      return made = unique_id();
    case StepKind::wild_left:
      return part_of(match_.unmatched, step.number, false);
    case StepKind::wild_right:
      return part_of(match_.unmatched, step.number, true);
    case StepKind::pattern_left:
      return part_of(match_.matched, step.number, false);
    case StepKind::pattern_right:
      return part_of(match_.matched, step.number, true);
    default:
      return {};
  }
}

void RuleExpander::put(std::string_view value, std::string& out) const {
  if (case_ == StepKind::keep_case && !quote_) {
    out += value;
    return;
  }
  const auto cased = case_ == StepKind::lower_case   ? to_lower(value)
                     : case_ == StepKind::upper_case ? to_upper(value)
                                                     : std::string(value);
  out += quote_ ? quote_for_ldap_url(cased) : cased;
}

}  // namespace waxwing::mta
