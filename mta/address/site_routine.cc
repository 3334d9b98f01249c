#include "mta/address/site_routine.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "common/base/file.h"
#include "common/directory/would_block.h"
#include "mta/address/site_library.h"

namespace waxwing::mta {
namespace {

struct BuiltIns {
  std::mutex mutex;
  std::map<std::string, BuiltInRoutine, std::less<>> routines;
};

BuiltIns& built_ins() {
  static BuiltIns all;
  return all;
}

// "/opt/other/lib/dns_verify.so,dns_verify" of a configuration that was written elsewhere is dns_verify.so too,
// unless there is such a file.
bool is_there(std::string_view name) {
  return file_exists(std::string(name.substr(0, name.find(','))));
}

BuiltInRoutine built_in(std::string_view name) {
  auto& all = built_ins();
  const std::lock_guard lock(all.mutex);
  const bool absolute = name.starts_with('/');
  const auto found = all.routines.find(absolute ? name.substr(name.rfind('/') + 1) : name);
  return found == all.routines.end() || (absolute && is_there(name)) ? nullptr : found->second;
}

// "adjust, fetch" for "check_metermaid.so,nonsense"; empty: no library of ours has that name.
std::string routines_beside(std::string_view name) {
  const auto comma = name.find(',');
  const auto slash = name.substr(0, comma).rfind('/');
  const auto library = name.substr(slash + 1, comma - slash);  // npos + 1 is 0
  auto& all = built_ins();
  const std::lock_guard lock(all.mutex);
  std::string names;
  for (const auto& [known, routine] : all.routines)
    if (known.starts_with(library))
      names.append(names.empty() ? "" : ", ").append(known.substr(library.size()));
  return names;
}

template <class Steps, class Kind>
void collect(const Steps& steps, Kind kind, const std::string& where, std::vector<SiteRoutineUse>& uses) {
  for (const auto& step : steps) {
    if (step.kind == kind) uses.push_back({step.text, where});
    collect(step.inner, kind, where, uses);
  }
}

// By a rule or a mapping, not only by a database.
bool is_named(const MtaConfig& config, const std::string& name) {
  return std::ranges::any_of(site_routines_of(config), [&](const auto& use) { return use.name == name; });
}

}  // namespace

void add_built_in_routine(std::string name, BuiltInRoutine routine) {
  auto& all = built_ins();
  const std::lock_guard lock(all.mutex);
  all.routines.insert_or_assign(std::move(name), routine);
}

Result<> check_site_routine(const std::string& root, const std::string& name) {
  if (built_in(name)) return {};
  if (const auto known = routines_beside(name); !known.empty() && !(name.starts_with('/') && is_there(name)))
    return permanent(name + ": there is no such routine; there are " + known);
  TRY_VOID(find_site_routine(root, name, [] { return true; }));
  return {};
}

RoutineAnswer call_site_routine(const Lookup& lookup, const std::string& name, const std::string& argument) {
  if (const auto routine = built_in(name)) return routine(lookup, argument);
  // Nobody knows how long a routine takes: never on an event loop.
  if (lookup.ask == Ask::cache_only) return std::unexpected(directory::would_block());
  TRY(auto* routine,
      find_site_routine(lookup.config.root(), name, [&] { return is_named(lookup.config, name); }));
  char result[WAXWING_SITE_RESULT_BYTES];
  const long argument_bytes = static_cast<long>(argument.size());
  long result_bytes = sizeof result;
  const int answer = routine(argument.c_str(), &argument_bytes, result, &result_bytes);
  lookup.say([&] { return "      $[" + name + "] answers " + std::to_string(answer); });
  if (answer == WAXWING_SITE_FAIL) return std::nullopt;
  if (answer < 0) return temporary("site routine " + name + " cannot answer now; try again later");
  if (result_bytes < 0 || result_bytes > static_cast<long>(sizeof result))
    return permanent("site routine " + name + " says that its result has " + std::to_string(result_bytes) +
                     " bytes; there is room for " + std::to_string(sizeof result));
  return std::string(result, static_cast<std::size_t>(result_bytes));
}

std::vector<SiteRoutineUse> site_routines_of(const MtaConfig& config) {
  std::vector<SiteRoutineUse> uses;
  config.rules().each(
      [&](const RewriteRule& rule) { collect(rule.steps, StepKind::site_routine, rule.where, uses); });
  for (const auto& table : config.mappings().tables())
    for (const auto& row : table.rows()) collect(row.steps, MapStep::Kind::site_routine, row.where, uses);
  return uses;
}

}  // namespace waxwing::mta
