#include "metermaid/settings.h"

#include "common/base/strings.h"

namespace waxwing::metermaid {

namespace {

using Rules = std::map<std::string, TableRules>;
using Type = TableRules::Type;

struct TypeName {
  std::string_view name;
  Type type;
};
constexpr TypeName kTypes[] = {{"simple", Type::simple},
                               {"throttle", Type::throttle},
                               {"greylist", Type::greylist},
                               {"greylisting", Type::greylist}};

struct NumberRow {
  const char* option;
  std::int64_t TableRules::*member;
  std::int64_t unit;
};
constexpr NumberRow kNumbers[] = {{"max_entries", &TableRules::max_entries, 1},
                                  {"quota", &TableRules::quota, 1},
                                  {"quota_time", &TableRules::quota_time_ms, 1000},
                                  {"block_time", &TableRules::block_time_ms, 1000},
                                  {"resubmit_time", &TableRules::resubmit_time_ms, 1000},
                                  {"inactivity_time", &TableRules::inactivity_time_ms, 1000}};

Result<> take_type(TableRules& rules, const std::string& value) {
  for (const auto& [name, type] : kTypes) {
    if (!iequals(value, name)) continue;
    rules.type = type;
    return {};
  }
  return permanent("type is simple, throttle or greylist, not \"" + printable(value) + "\"");
}

Result<> take_options(TableRules& rules, const std::string& value) {
  for (const auto word : split_words(value)) {
    if (iequals(word, "penalize"))
      rules.penalize = true;
    else if (iequals(word, "nocase"))
      rules.case_blind = true;
    else
      return permanent("options are penalize and nocase, not \"" + printable(word) + "\"");
  }
  return {};
}

Result<> take_words(const Config& config, const char* option,
                    Result<> (*take)(TableRules&, const std::string&), Rules& tables) {
  for (const auto& [table, value] : config.starred(std::string("metermaid.table.*.") + option))
    if (auto taken = take(tables[to_lower(table)], value); !taken)
      return wrap(std::move(taken.error()), "metermaid.table." + table);
  return {};
}

TableRules surge_rules(const Config& config) {
  TableRules surge;
  surge.type = Type::usual_use;
  surge.max_entries = 1'000'000;
  surge.quota = config.number("metermaid.surge.floor");
  surge.quota_time_ms = config.number("metermaid.surge.period") * 1000;
  surge.factor = config.number("metermaid.surge.factor");
  surge.case_blind = true;
  return surge;
}

}  // namespace

Result<Rules> table_rules(const Config& config) {
  Rules tables;
  auto& greylist = tables["greylist"];
  greylist.type = Type::greylist;
  greylist.max_entries = 200'000;
  greylist.case_blind = true;
  TRY_VOID(take_words(config, "type", take_type, tables));
  TRY_VOID(take_words(config, "options", take_options, tables));
  for (const auto& row : kNumbers)
    for (const auto& [table, value] : config.starred(std::string("metermaid.table.*.") + row.option))
      tables[to_lower(table)].*row.member = to_number<std::int64_t>(value).value_or(0) * row.unit;
  tables["surge"] = surge_rules(config);
  return tables;
}

}  // namespace waxwing::metermaid
