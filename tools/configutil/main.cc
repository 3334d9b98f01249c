// configutil(1): options by the names and with the switches of earlier releases. msconfig(1) is the modern
// way.
#include <fmt/core.h>
#include <unistd.h>

#include <iostream>

#include "common/base/strings.h"
#include "tools/options/option_file.h"
#include "tools/service/command_line.h"
#include "tools/service/owner.h"

namespace waxwing {
namespace {

constexpr const char* kUsage =
    "usage: configutil [-l] [-m]                 list what is set; -m: with what is set by default\n"
    "       configutil -p prefix                 list what begins so\n"
    "       configutil -o option                 show one\n"
    "       configutil -o option -v value        set it; -v - reads the value from standard input\n"
    "       configutil -o option -d              delete it: back to the default\n"
    "       configutil -o option -H              what it is for\n"
    "       configutil -i DIR ...                another instance than the one this command is in\n";

struct Arguments {
  std::string instance, option, value, prefix;
  bool has_value = false, remove = false, explain = false, defaults = false;
};

Result<Arguments> parse(int argc, char** argv) {
  Arguments a;
  ::opterr = 0;
  for (int letter; (letter = ::getopt(argc, argv, "i:o:v:p:dHlm")) != -1;) {
    switch (letter) {
      case 'i':
        a.instance = ::optarg;
        break;
      case 'o':
        a.option = ::optarg;
        break;
      case 'v':
        a.value = ::optarg, a.has_value = true;
        break;
      case 'p':
        a.prefix = ::optarg;
        break;
      case 'd':
        a.remove = true;
        break;
      case 'H':
        a.explain = true;
        break;
      case 'l':
        break;  // what is listed here has always been local
      case 'm':
        a.defaults = true;
        break;
      default:
        return permanent(kUsage);
    }
  }
  if (::optind < argc) return permanent(kUsage);
  return a;
}

// The name that people who use this command know, where there is one.
std::string old_name(const std::string& modern) {
  const OptionSpec* spec = find_option(modern);
  if (!spec || spec->legacy_name.empty()) return modern;
  const auto star = spec->name.find('*');
  if (star == std::string_view::npos) return std::string(spec->legacy_name);
  const std::string free = modern.substr(star, modern.size() - spec->name.size() + 1);
  return replace_all(std::string(spec->legacy_name), "*", free);
}

Result<> list(const OptionFile& file, const Arguments& a) {
  auto values = file.values();
  if (a.defaults)
    for (const OptionSpec& spec : option_registry())
      if (spec.name.find('*') == std::string_view::npos)
        values.try_emplace(std::string(spec.name), spec.fallback);
  std::map<std::string, std::string> by_old_name;
  for (const auto& [name, value] : values)
    by_old_name[old_name(name)] = shown_value(*find_option(name), value);
  for (const auto& [name, value] : by_old_name)
    if (istarts_with(name, a.prefix)) fmt::print("{} = {}\n", name, value);
  return {};
}

Result<> run(const Arguments& a) {
  TRY(const std::string root, find_instance(a.instance));
  TRY_VOID(become_owner_of(root));
  TRY(OptionFile file, OptionFile::load(root));
  if (a.option.empty()) return list(file, a);
  TRY(const OptionSpec* spec, option_called(a.option));
  if (a.explain) {
    fmt::print("{}: {}\n  modern name: {}\n  default: {}\n", a.option, spec->help, spec->name,
               spec->fallback);
    return {};
  }
  if (a.remove) {
    TRY(const bool was_set, file.unset(a.option));
    if (!was_set) return permanent(a.option + " is not set");
    TRY_VOID(file.save());
    warn_of_bad_lines(root, "configutil");
    return {};
  }
  if (a.has_value) {
    std::string value = a.value;
    if (value == "-") std::getline(std::cin, value);
    TRY_VOID(file.set(a.option, value));
    TRY_VOID(file.save());
    fmt::print("OK SET\n");
    warn_of_bad_lines(root, "configutil");
    return {};
  }
  fmt::print("{}\n", shown_value(*spec, file.value(a.option).value_or(std::string(spec->fallback))));
  return {};
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  if (only_asks_for_help(argc, argv)) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const auto arguments = parse(argc, argv);
  const auto result = arguments ? run(*arguments) : Result<>(std::unexpected(arguments.error()));
  if (result) return 0;
  fmt::print(stderr, "configutil: {}\n", result.error().text);
  return 1;
}
