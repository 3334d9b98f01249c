// Rewrite rules of imta.cnf, compiled: patterns as keys of a hash table, templates as lists of steps.
//
// A pattern is never searched for: rewriting makes the few keys that could match a host (rewrite.h) and
// looks each up, so the number of rules does not matter.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/base/strings.h"

namespace waxwing::mta {

enum class StepKind : std::uint8_t {
  literal,  // text
  percent,
  at,            // separators of the template
  local_part,    // $U; number 0 $0U without subaddress, 1 $1U the subaddress, -1 whole
  matched,       // $D $nD
  unmatched,     // $H $nH
  literal_rest,  // $L
  address_char,  // $A $nA
  host_part,     // $X $nX
  lower_case,
  upper_case,
  keep_case,         // $\ $^ $_
  ldap_quote,        // $=
  unique,            // $W
  ldap,              // $]url[      inner
  mapping,           // ${table,arg} text = table, inner = arg
  domain_attribute,  // $}dom,attr{ inner = dom, text = attr
  general,           // $(key)      inner = key
  site_routine,      // $[lib,routine,arg] text = "lib,routine", inner = arg
  wild_left,
  wild_right,  // $&n $!n
  pattern_left,
  pattern_right,  // $*n $#n
  only_envelope,
  only_header,
  only_forward,
  only_backward,  // $E $B $F $R
  only_source,
  not_source,  // $Mch $Nch  text
  only_destination,
  not_destination,  // $Qch $Cch  text
  only_internal,
  not_internal,  // $1M $1N
  check_now,     // $1~
  from_at,
  from_percent,
  from_route,
  from_bang,  // $A $P $S $X as controls
  set_tag,    // $Ttag inner
  local_domain,
  not_local_domain,  // $Vdom $Zdom inner
  error_text,        // $?text inner, number = code
};

struct Step {
  StepKind kind;
  int number = -1;  // n, -1 when not given
  std::string text;
  std::vector<Step> inner;  // argument, itself a template
};

struct RewriteRule {
  std::string pattern;  // lower case, tag included
  std::string source;   // the template as written
  std::string where;    // "imta.cnf:12"
  std::vector<Step> steps;
};

// Why a template cannot be compiled: permanent error that names the sequence.
Result<std::vector<Step>> compile_rule_template(std::string_view text);

class RuleSet {
 public:
  // Rules of one pattern, in file order; empty span when there are none. key must be lower case.
  std::span<const RewriteRule> find(std::string_view key) const;
  std::size_t size() const { return count_; }
  // The most *-labels any pattern begins with: spares look-ups that cannot match.
  std::size_t most_wild_labels() const { return most_wild_; }
  template <class F>
  void each(F&& see) const {
    for (const auto& [pattern, rules] : rules_)
      for (const auto& rule : rules) see(rule);
  }
  Result<> add(std::string pattern, std::string_view template_text, std::string where);

 private:
  std::unordered_map<std::string, std::vector<RewriteRule>, TextHash, std::equal_to<>> rules_;
  std::size_t count_ = 0;
  std::size_t most_wild_ = 0;
};

}  // namespace waxwing::mta
