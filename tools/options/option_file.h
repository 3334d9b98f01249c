// msg.conf and secrets.conf as texts that are edited: comments and order stay, every change is checked
// against the option registry, and the text before each change is kept so that it can be compared and
// restored.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"

namespace waxwing {

// The option of that name, old or new. Permanent error with the nearest names when there is none.
Result<const OptionSpec*> option_called(std::string_view name);

class OptionFile {
 public:
  static Result<OptionFile> load(const std::string& root);

  // What is set, by modern name. Secrets too: show them only through shown_value().
  std::map<std::string, std::string> values() const;
  std::optional<std::string> value(std::string_view name) const;

  // Nothing is on disk before save().
  Result<> set(std::string_view name, std::string_view value);
  // False when it was not set.
  Result<bool> unset(std::string_view name);
  // Keeps the old text in config/history and replaces the files. Does nothing when nothing changed.
  Result<> save() const;

 private:
  std::string root_;
  std::vector<std::string> lines_, secret_lines_;  // msg.conf, secrets.conf
  std::string old_text_, old_secrets_;
};

// "name = value" lines of a text, by modern name; lines that are none are left out.
std::map<std::string, std::string> parse_options(std::string_view text);

std::string shown_value(const OptionSpec& spec, const std::string& value);  // secrets: "(hidden)"

// The options that a tool needs, for one that works on while other lines of msg.conf are bad: each bad line
// is told on standard error as a warning of program. Permanent error with them when one is of an option whose
// name begins as one of needs says ("directory."): the tool would do something else than it is told to.
Result<std::shared_ptr<const Config>> load_for_tool(const std::string& root, const std::string& program,
                                                    const std::vector<std::string_view>& needs);

// Warns of bad lines, if there are any; for commands that keep them as they are.
void warn_of_bad_lines(const std::string& root, const std::string& program);

// Earlier texts of msg.conf, newest first: config/history/msg.conf.<time>, one for each change. Where it changed a
// secret, secrets.conf.<time> (0600) stands beside it.
std::vector<std::string> option_history(const std::string& root);
// What was set, secrets too, before the change that kept that one of option_history().
Result<std::map<std::string, std::string>> earlier_options(const std::string& root, const std::string& path);

}  // namespace waxwing
