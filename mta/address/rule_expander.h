// Runs the template of one rewrite rule for one address. Private to mta/address.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/rewrite.h"

namespace waxwing::mta {

// What a pattern matched, and the address at hand. Views into the rewriter's own strings.
struct RuleMatch {
  std::string_view local, host;  // host as it is spelt
  std::string_view matched, unmatched, literal_rest;
  RewriteRequest::Origin origin = RewriteRequest::Origin::at;
};

class RuleExpander {
 public:
  RuleExpander(const Lookup& lookup, const RewriteRequest& request, const RuleMatch& match)
      : lookup_(lookup), request_(request), match_(match) {}

  // True: the rule applies, and text and marks hold the result; false: a control or look-up failed, and the
  // scan goes on. Errors are those of look-ups: would-block, temporary; permanent for endless nesting.
  Result<bool> run(const std::vector<Step>& steps);

  // Output: separators stand in text as themselves; marks tells which % and @ are separators.
  std::string text;
  std::vector<std::size_t> marks;
  std::optional<std::string> tag;
  std::optional<std::string> error;  // $?
  int error_code = 0;
  // $V failed since mailRoutingHosts name others, and ROUTE_TO_ROUTING_HOST sends mail to the first of them.
  bool domain_failed = false;  // the directory could not be asked about the domain of $V or $Z
  std::string routing_host;
  std::string why;  // the rule did not apply; only when somebody is watching

 private:
  Result<bool> steps(const std::vector<Step>& list, std::string& out, bool top, int depth);
  Result<bool> asked(const Step& step, std::string& out, bool top, int depth);
  bool at_hand(const Step& step, std::string& out, bool top);
  Result<bool> look_up(const Step& step, std::string& out, bool top, int depth);
  Result<bool> answer(const Step& step, const std::string& argument, std::string& out, bool top, int depth);
  Result<std::optional<std::string>> found(const Step& step, const std::string& argument);
  Result<std::optional<std::string>> from_mapping(const std::string& table,
                                                  const std::string& argument) const;
  Result<bool> domain_check(const Step& step, int depth);
  bool control(const Step& step);
  bool channel_checks() const;
  bool origin_checks() const;
  std::string channel_failure() const;
  std::string_view value(const Step& step, std::string& made) const;
  void put(std::string_view value, std::string& out) const;
  bool is_source(std::string_view channel) const;

  const Lookup& lookup_;
  const RewriteRequest& request_;
  const RuleMatch& match_;
  StepKind case_ = StepKind::keep_case;
  bool quote_ = false, ended_early_ = false;  // the latter by $1~
  unsigned origins_ = 0;
  bool any_source_ = false, source_ok_ = false, source_bad_ = false;
  bool any_destination_ = false, destination_ok_ = false, destination_bad_ = false;
};

}  // namespace waxwing::mta
