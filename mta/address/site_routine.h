// $[library,routine,argument]: routines of the site (include/waxwing/site_routine.h) and routines that are
// built in and answer to a library's name.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mta/address/context.h"

namespace waxwing::mta {

// Nothing: the rule or row fails. Errors: would-block, temporary (not now), permanent (for the site to mend).
// The text is a template again, but one that calls and looks up nothing, as the public header tells.
using RoutineAnswer = Result<std::optional<std::string>>;

// A room above this one brings its own, under the name a configuration calls it by: "dns_verify.so,
// dns_verify_domain". It must answer would_block() instead of waiting when lookup.ask is cache_only, and double
// every $ of what strangers wrote. Call before the first look-up; a name that is there already is replaced.
using BuiltInRoutine = RoutineAnswer (*)(const Lookup& lookup, std::string_view argument);
void add_built_in_routine(std::string name, BuiltInRoutine routine);

// name: "library.so,routine" as parse_site_call() has it. Libraries are opened when first called, and stay; one
// at an absolute path only if a rule or a mapping of the configuration names it.
RoutineAnswer call_site_routine(const Lookup& lookup, const std::string& name, const std::string& argument);

// Opens the library and finds the routine, as a call from the configuration would; root: of the instance. What is wrong, if anything.
Result<> check_site_routine(const std::string& root, const std::string& name);
// The routines that rules and mappings name, each with the place of the first that does.
struct SiteRoutineUse {
  std::string name, where;
};
std::vector<SiteRoutineUse> site_routines_of(const MtaConfig& config);

}  // namespace waxwing::mta
