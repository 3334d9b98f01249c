// msconfig(1): shows, checks and changes the options of an instance.
#include <fmt/core.h>
#include <fnmatch.h>

#include <functional>
#include <iostream>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/config/allowed.h"
#include "tools/options/manual.h"
#include "tools/options/option_file.h"
#include "tools/service/command_line.h"
#include "tools/service/owner.h"

namespace waxwing {
namespace {

constexpr const char* kUsage =
    "usage: msconfig show [-a] [pattern ...]        what is set; -a: everything, with defaults\n"
    "       msconfig help name|group ...            what an option, or each of \"imap\", is for\n"
    "       msconfig set name value [name value ...]   a value of - is read from standard input\n"
    "       msconfig unset name ...                 back to the default\n"
    "       msconfig check                          is msg.conf right?\n"
    "       msconfig history                        earlier texts, newest first\n"
    "       msconfig diff [n]                       what changed since the n-th earlier text (1)\n"
    "       msconfig revert [n]                     take the n-th earlier text back (1)\n";

using Words = std::vector<std::string>;

std::string as_line(const std::string& name, const std::string& value) {
  const OptionSpec* spec = find_option(name);
  return name + " = " + (spec ? shown_value(*spec, value) : value);
}

Result<> show(const std::string& root, const Words& patterns, bool all) {
  TRY(const auto file, OptionFile::load(root));
  warn_of_bad_lines(root, "msconfig");
  std::map<std::string, std::string> values = file.values();
  if (all)
    for (const OptionSpec& spec : option_registry())
      if (spec.name.find('*') == std::string_view::npos)
        values.try_emplace(std::string(spec.name), spec.fallback);
  const auto wanted = [&](const std::string& name) {
    if (patterns.empty()) return true;
    for (const std::string& pattern : patterns)
      if (::fnmatch(pattern.c_str(), name.c_str(), FNM_CASEFOLD) == 0 || istarts_with(name, pattern + "."))
        return true;
    return false;
  };
  std::size_t shown = 0;
  for (const auto& [name, value] : values)
    if (wanted(name)) fmt::print("{}\n", as_line(name, value)), ++shown;
  if (shown > 0 || patterns.empty()) return {};
  // A single option that is not set: its default, told apart from a value.
  TRY(const OptionSpec* spec, option_called(patterns[0]));
  fmt::print("# {} = {}    (not set; this is the default)\n", spec->name, spec->fallback);
  return {};
}

// The options whose names begin with "name.", under either name: a group as in msconfig show.
std::vector<const OptionSpec*> options_of_group(const std::string& name) {
  std::vector<const OptionSpec*> found;
  for (const OptionSpec& spec : option_registry())
    if (istarts_with(spec.name, name + ".") || istarts_with(spec.legacy_name, name + "."))
      found.push_back(&spec);
  return found;
}

std::string group_names() {
  std::string names;
  std::string_view last;
  for (const OptionSpec& spec : option_registry()) {
    const auto group = spec.name.substr(0, spec.name.find('.'));
    if (group != last && names.find(" " + std::string(group)) == std::string::npos)
      names += " " + std::string(group);
    last = group;
  }
  return names;
}

void explain(const OptionSpec& option) {
  const OptionSpec* spec = &option;
  fmt::print("{}\n  {}\n  default: {}\n  takes effect: {}\n", spec->name, spec->help,
             spec->fallback.empty() ? "(none)" : spec->fallback,
             spec->restart ? "when its services are started again" : "with imsimta reload");
  if (const auto allowed = allowed_words(*spec); !allowed.empty()) fmt::print("  allowed: {}\n", allowed);
  if (!spec->legacy_name.empty()) fmt::print("  formerly: {}\n", spec->legacy_name);
}

Result<> help(const Words& names) {
  if (names.empty()) {
    fmt::print("{}\ngroups of options:{}\n", kUsage, group_names());
    return {};
  }
  for (const std::string& name : names) {
    const auto group = find_option(name) ? std::vector<const OptionSpec*>{} : options_of_group(name);
    for (const OptionSpec* spec : group) explain(*spec);
    if (!group.empty()) continue;
    TRY(const OptionSpec* spec, option_called(name));
    explain(*spec);
  }
  return {};
}

void say_when(bool restart) {
  fmt::print("{}\n",
             restart
                 ? "takes effect when the services concerned are started again: start-msg --restart SERVICE"
                 : "takes effect with: imsimta reload");
}

Result<> set(const std::string& root, const Words& words) {
  if (words.empty() || words.size() % 2 != 0) return permanent("set wants pairs: name value");
  TRY(auto file, OptionFile::load(root));
  bool restart = false;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    std::string value = words[i + 1];
    if (value == "-") std::getline(std::cin, value);
    TRY_VOID(file.set(words[i], value));
    restart = restart || find_option(words[i])->restart;
  }
  TRY_VOID(file.save());
  say_when(restart);
  warn_of_bad_lines(root, "msconfig");
  return {};
}

Result<> unset(const std::string& root, const Words& names) {
  if (names.empty()) return permanent("unset wants the name of an option");
  TRY(auto file, OptionFile::load(root));
  bool restart = false;
  for (const std::string& name : names) {
    TRY(const bool was_set, file.unset(name));
    if (!was_set) return permanent(name + " is not set");
    restart = restart || find_option(name)->restart;
  }
  TRY_VOID(file.save());
  say_when(restart);
  warn_of_bad_lines(root, "msconfig");
  return {};
}

Result<std::map<std::string, std::string>> earlier(const std::string& root, const Words& words) {
  const auto history = option_history(root);
  const auto steps = words.empty() ? std::optional<std::size_t>(1) : to_number<std::size_t>(words[0]);
  if (!steps || *steps == 0) return permanent("how many changes back? a number from 1 on is wanted");
  if (*steps > history.size())
    return permanent(fmt::format("there are only {} earlier texts; see msconfig history", history.size()));
  return earlier_options(root, history[*steps - 1]);
}

Result<> diff(const std::string& root, const Words& words) {
  TRY(const auto before, earlier(root, words));
  TRY(const auto file, OptionFile::load(root));
  const auto now = file.values();
  for (const auto& [name, value] : before) {
    const auto at = now.find(name);
    if (at == now.end() || at->second != value) fmt::print("- {}\n", as_line(name, value));
    if (at != now.end() && at->second != value) fmt::print("+ {}\n", as_line(name, at->second));
  }
  for (const auto& [name, value] : now)
    if (!before.contains(name)) fmt::print("+ {}\n", as_line(name, value));
  return {};
}

Result<> revert(const std::string& root, const Words& words) {
  TRY(const auto before, earlier(root, words));
  TRY(auto file, OptionFile::load(root));
  const auto now = file.values();
  bool restart = false;
  for (const auto& [name, value] : now) {
    if (before.contains(name)) continue;
    restart = restart || find_option(name)->restart;
    TRY_VOID(file.unset(name));
  }
  for (const auto& [name, value] : before) {
    const auto at = now.find(name);
    if (at != now.end() && at->second == value) continue;
    restart = restart || find_option(name)->restart;
    TRY_VOID(file.set(name, value));
  }
  TRY_VOID(file.save());
  say_when(restart);
  warn_of_bad_lines(root, "msconfig");
  return {};
}

Result<> run(const CommandLine& line) {
  Words words = line.words;
  if (line.has("manual")) {
    fmt::print("{}", options_manual());
    return {};
  }
  if (words.empty()) return permanent(std::string("what shall be done?\n") + kUsage);
  const std::string verb = words.front();
  words.erase(words.begin());
  if (verb == "help") return help(words);
  TRY(const std::string root, find_instance(line.get("instance")));
  TRY_VOID(become_owner_of(root));
  if (verb == "show") return show(root, words, line.has("a") || line.has("all"));
  if (verb == "set") return set(root, words);
  if (verb == "unset") return unset(root, words);
  if (verb == "diff") return diff(root, words);
  if (verb == "revert") return revert(root, words);
  if (verb == "check") {
    TRY(const auto config, Config::load(root));
    fmt::print("{}/config/msg.conf is right\n", root);
    return {};
  }
  if (verb == "history") {
    std::size_t number = 0;
    for (const std::string& path : option_history(root))
      fmt::print("{:3}  {}\n", ++number, path.substr(path.rfind("conf.") + 5));
    return {};
  }
  return permanent("'" + verb + "' is none of its commands\n" + kUsage);
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  using namespace waxwing;
  const auto line = parse_command_line(argc, argv, {"instance=", "a", "all", "manual", "help"});
  if (line && line->has("help")) {
    fmt::print("{}", kUsage);
    return 0;
  }
  const auto result = line ? run(*line) : Result<>(std::unexpected(line.error()));
  if (result) return 0;
  fmt::print(stderr, "msconfig: {}\n", result.error().text);
  return 1;
}
