// imsimta test -mapping and -match.
#include <fmt/format.h>

#include <cstdio>

#include "mta/address/directory_view.h"
#include "mta/address/mapping.h"
#include "tools/imsimta/printer.h"
#include "tools/imsimta/test.h"

namespace waxwing::imsimta {
namespace {

Result<> show(const mta::Lookup& lookup, const std::string& table, const std::string& probe,
              const mta::MapFlags& flags) {
  auto answer = mta::apply_mapping(lookup, table, probe, flags);
  if (!answer) return wrap(answer.error(), "table " + table);
  if (!answer->matched) {
    fmt::print("Input string:  {}\nNo match in table {}\n", probe, table);
    return {};
  }
  std::string letters;
  for (const char flag : answer->flags.letters()) letters += fmt::format(" '{}'", flag);
  fmt::print("Input string:  {}\nOutput string: {}\nOutput flags: {}\nLast row:      {}\n", probe,
             answer->text, letters.empty() ? " none" : letters, answer->where);
  return {};
}

Result<std::string> the_table(const mta::MtaConfig& config, const std::string& asked) {
  const auto& tables = config.mappings().tables();
  if (asked.empty() && tables.size() == 1) return tables[0].name();
  if (!asked.empty() && config.mappings().table(asked)) return asked;
  std::string names;
  for (const auto& table : tables) names += " " + table.name();
  return permanent((asked.empty() ? "say which table with -table=; there are"
                                  : "no table " + printable(asked) + "; there are") +
                   names);
}

}  // namespace

Result<int> test_mapping(const Context& context, Arguments arguments) {
  std::string table, letters;
  arguments.take("table", &table);
  arguments.take("flags", &letters);
  const bool quiet = arguments.take("noverbose");
  TRY(auto config, config_for_test(context, arguments));
  auto probe = arguments.take_word();
  TRY_VOID(arguments.finish("test -mapping [-table=T] [-mapping_file=F] [-flags=L] [-noverbose] string"));
  TRY(table, the_table(*config, table));
  mta::MapFlags flags;
  for (const char letter : letters) flags.set(letter);
  const auto directory = directory_for_tool(context.root, config.get());
  Printer printer;
  const mta::Lookup lookup{*config, directory.get(), mta::Ask::may_block, quiet ? nullptr : &printer};
  if (!probe.empty()) {
    TRY_VOID(show(lookup, table, probe, flags));
    return 0;
  }
  char line[65536];
  while (fmt::print("Enter string: "), std::fflush(stdout), std::fgets(line, sizeof line, stdin)) {
    probe = std::string(trim(line));
    if (probe.empty()) break;
    TRY_VOID(show(lookup, table, probe, flags));
  }
  return 0;
}

Result<int> test_match(Arguments arguments) {
  std::string pattern, target;
  arguments.take("pattern", &pattern);
  arguments.take("target", &target);
  TRY_VOID(arguments.finish("test -match -pattern=P -target=S"));
  TRY(auto compiled, mta::compile_pattern(pattern));
  std::vector<std::string_view> saved;
  if (!mta::match_pattern(compiled, target, saved)) {
    fmt::print("No match.\n");
    return 1;
  }
  fmt::print("Match.\n");
  for (std::size_t i = 0; i < saved.size(); ++i) fmt::print("${}: {}\n", i, saved[i]);
  return 0;
}

}  // namespace waxwing::imsimta
