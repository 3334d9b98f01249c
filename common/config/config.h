// Options: declared once, in the tables under common/config/options/, read from config/msg.conf.
//
// A Config is an immutable picture of one reading; hold it by shared_ptr and swap it to reload. Asking for a
// name that is not declared is a bug (std::logic_error): the tables are the only list there is.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing {

enum class OptionType { text, number, flag, seconds, bytes, port, path, secret };

// One row of the registry.
struct OptionSpec {
  std::string_view name;         // "imap.port"
  std::string_view legacy_name;  // configutil's: "service.imap.port"; may be empty
  OptionType type;
  std::string_view fallback;  // default, as text; paths relative to the instance root
  bool restart;               // true: takes effect at restart; false: at reload (imsimta reload, SIGHUP)
  std::string_view since;     // product version
  std::string_view help;      // one line
};
std::span<const OptionSpec> option_registry();
// By either name, case-blind; names with a free part are declared with "*": "store.partition.*.path".
const OptionSpec* find_option(std::string_view name);
// The modern name for either name of the option, as it stands in msg.conf; a starred one with its free part.
std::string canonical_option_name(const OptionSpec& spec, std::string_view written);
// Why value does not fit the option, with what would; empty when it does.
std::string check_option(const OptionSpec& spec, std::string_view value);

// A line of msg.conf or secrets.conf that cannot be taken.
struct BadLine {
  std::string option;  // its modern name; empty where the line names none that there is
  std::string text;    // "FILE line N: what is wrong; what to do"
};

class Config {
 public:
  // Reads ROOT/config/msg.conf and ROOT/config/secrets.conf. The error names each bad line: file, line,
  // option and mend. Daemons want this one: half a configuration is none.
  static Result<std::shared_ptr<const Config>> load(const std::string& root);
  // The same for tools that mend or look: bad lines are left out (their options have the defaults) and told.
  static Result<std::shared_ptr<const Config>> load_good_lines(const std::string& root,
                                                               std::vector<BadLine>& bad);

  const std::string& root() const { return root_; }
  // Absolute path of something in the instance: path_of("queue") = ROOT/queue.
  std::string path_of(std::string_view relative) const;

  std::string text(std::string_view name) const;
  std::int64_t number(std::string_view name) const;  // number, bytes, seconds, port
  bool flag(std::string_view name) const;
  std::string path(std::string_view name) const;  // made absolute
  // Values of a starred option by its free part: starred("store.partition.*.path") -> {primary: ...}.
  std::map<std::string, std::string> starred(std::string_view pattern) const;
  bool is_set(std::string_view name) const;  // in the file, not by default

 private:
  std::string root_;
  std::map<std::string, std::string, std::less<>> values_;
};

// The instance a program belongs to: --instance DIR, else the folder above the bin/ it was started from
// (through the symbolic link, so that an instance's own bin/ names it), else $WAXWING_ROOT, else
// /opt/waxwing. Where config/ is a link to an instance's, as in an installed tree, the instance is the folder it
// leads to: only there may the service user write. The answer is absolute. Error says what was tried.
Result<std::string> find_instance(std::string_view from_argument);

}  // namespace waxwing
