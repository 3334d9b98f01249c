// imsimta test -mapping and -match.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>

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

// Strings of a file, one a line; without a file those that are typed, up to an empty line.
Result<int> show_lines(const mta::Lookup& lookup, const std::string& table, const std::string& input,
                       const mta::MapFlags& flags) {
  std::FILE* file = input.empty() ? stdin : std::fopen(input.c_str(), "re");
  if (!file) return std::unexpected(system_error("cannot read " + input, errno));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> closing(file == stdin ? nullptr : file, std::fclose);
  char line[65536];
  while ((file == stdin ? fmt::print("Enter string: "), std::fflush(stdout) : 0),
         std::fgets(line, sizeof line, file)) {
    const std::string probe(trim(line));
    if (probe.empty() && file == stdin) break;
    if (!probe.empty()) TRY_VOID(show(lookup, table, probe, flags));
  }
  return 0;
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
  std::string input;
  arguments.take("input", &input);
  const bool quiet = arguments.take("noverbose");
  TRY(auto config, config_for_test(context, arguments));
  auto probe = arguments.take_word();
  TRY_VOID(arguments.finish(
      "test -mapping [-table=T] [-mapping_file=F] [-flags=L] [-noverbose] [-input=F] [-output=F] string"));
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
  return show_lines(lookup, table, input, flags);
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
