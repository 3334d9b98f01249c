#include "mta/config/rule_set.h"

#include <algorithm>

#include "common/mail/idn.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kMaxPattern = 256;

Result<> check_pattern(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) return permanent("pattern longer than 256 characters");
  const auto bad = std::ranges::find_if(
      pattern, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 127 || c == '@'; });
  if (bad != pattern.end())
    return permanent("pattern " + printable(pattern, 80) + " holds " + printable(std::string(1, *bad)) +
                     "; a pattern is a host, .domain, *.domain, [literal], ., $*, $% or $!");
  const auto bar = pattern.rfind('|');
  const auto body = bar == pattern.npos ? pattern : pattern.substr(bar + 1);
  if (body.empty()) return permanent("pattern is empty after its tag");
  const auto star = body.find('*');
  for (auto at = star; at != body.npos; at = body.find('*', at + 1)) {
    if (body == "$*") break;
    const bool label = (at == 0 || body[at - 1] == '.') && (at + 1 == body.size() || body[at + 1] == '.');
    const bool leftmost = body.substr(0, at).find_first_not_of("*.") == body.npos;
    if (!label || !leftmost)
      return permanent("in pattern " + printable(pattern, 80) +
                       " a * must be a whole label, and such labels stand leftmost: *.example.com");
  }
  return {};
}

// Hosts are looked up by their A-labels: a pattern in another script is one of those.
Result<std::string> ascii_pattern(std::string pattern) {
  const auto bar = pattern.rfind('|');
  const auto begin = pattern.find_first_not_of("*.", bar == pattern.npos ? 0 : bar + 1);
  if (begin == pattern.npos) return pattern;
  auto name = mail::to_a_labels(std::string_view(pattern).substr(begin));
  if (!name) return permanent("pattern " + printable(pattern, 80) + " is no domain name (RFC 5891)");
  return pattern.substr(0, begin) + *name;
}

}  // namespace

std::span<const RewriteRule> RuleSet::find(std::string_view key) const {
  const auto found = rules_.find(key);
  if (found == rules_.end()) return {};
  return found->second;
}

Result<> RuleSet::add(std::string pattern, std::string_view template_text, std::string where) {
  TRY(pattern, ascii_pattern(std::move(pattern)));
  pattern = to_lower(pattern);
  TRY_VOID(check_pattern(pattern));
  TRY(auto steps, compile_rule_template(template_text));
  const auto bar = pattern.rfind('|');
  const auto body =
      bar == pattern.npos ? std::string_view(pattern) : std::string_view(pattern).substr(bar + 1);
  if (body != "$*" && body.starts_with('*'))
    most_wild_ = std::max<std::size_t>(most_wild_, static_cast<std::size_t>(std::ranges::count(body, '*')));
  auto& rules = rules_[pattern];
  rules.push_back({pattern, std::string(template_text), std::move(where), std::move(steps)});
  ++count_;
  return {};
}

}  // namespace waxwing::mta
