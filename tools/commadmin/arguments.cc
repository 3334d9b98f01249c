#include "tools/commadmin/arguments.h"

#include <algorithm>
#include <optional>
#include <span>

#include "common/base/strings.h"

namespace waxwing::commadmin {

namespace {
struct OptionRow {
  const char* name;
  const char* value;    // nullptr: a flag
  const char* objects;  // u user, d domain, g group
  const char* actions;  // c create, m modify, d delete, s search
  const char* help;
};
constexpr OptionRow kOptions[] = {
    {"instance", "DIR", "udg", "cmds", "the instance; default: the one this command belongs to"},
    {"domain", "NAME", "udg", "cmds", "the domain; default: local.defaultdomain"},
    {"json", nullptr, "udg", "s", "print JSON"},
    {"filter", "FILTER", "udg", "s", "a further LDAP filter"},
    {"set", "ATTRIBUTE=VALUE", "udg", "cm", "any other attribute; repeat for more values"},
    {"unset", "ATTRIBUTE", "udg", "m", "take an attribute away"},
    {"status", "STATUS", "udg", "cm",
     "active, inactive, deleted, removed, hold, overquota, disabled or unused"},
    {"purge", nullptr, "udg", "d", "take the entry out of the directory instead of marking it deleted"},
    {"uid", "NAME", "u", "cmds", "login name; in a search with *"},
    {"password", "TEXT", "u", "cm", "password (seen by other users of this host)"},
    {"password-file", "FILE", "u", "cm", "password: the first line of FILE; - is standard input"},
    {"no-password", nullptr, "u", "c", "make the user without a password"},
    {"first", "NAME", "u", "cm", "given name"},
    {"last", "NAME", "u", "cm", "family name"},
    {"mail", "ADDRESS", "ug", "cms", "main address; default: name@domain"},
    {"alternate", "ADDRESS", "ug", "cm", "further address; repeat for more; modify replaces all"},
    {"equivalent", "ADDRESS", "ug", "cm", "further address that is never rewritten"},
    {"quota", "SIZE", "ud", "cm", "bytes (k, M, G); -1 unlimited, -2 the default"},
    {"message-quota", "N", "ud", "cm", "messages; -1 unlimited, -2 the default"},
    {"delivery", "OPTION", "ug", "cm", "mailbox, forward, autoreply, program, hold, members ..."},
    {"forward", "ADDRESS", "ug", "cm", "forward here (adds the delivery option when none is given)"},
    {"mail-host", "HOST", "ug", "cm", "host of the mailbox; default: local.hostname"},
    {"partition", "NAME", "u", "cm", "store partition"},
    {"service-access", "FILTER", "ud", "cm", "services and addresses allowed"},
    {"language", "TAG", "ud", "cm", "preferred language"},
    {"count", "N", "u", "c", "make N users; needs --pattern"},
    {"pattern", "TEXT", "u", "c", "names of many users: user%04d"},
    {"password-pattern", "TEXT", "u", "c", "passwords of many users: pass%04d"},
    {"first-number", "N", "u", "c", "number of the first of many users; default 1"},
    {"alias", "NAME", "d", "cm", "further name of the domain; repeat for more; modify replaces all"},
    {"catchall", "ADDRESS", "d", "cm", "gets mail for unknown users"},
    {"smart-host", "HOST", "d", "cm", "gets mail for unknown users"},
    {"search-filter", "FILTER", "d", "cm", "finds a user at login: %U, %V, %o"},
    {"name", "NAME", "g", "cmds", "name of the group; in a search with *"},
    {"member", "WHO", "g", "cm", "address, login or DN; repeat for more; modify replaces all"},
    {"add-member", "WHO", "g", "m", "one more member"},
    {"remove-member", "WHO", "g", "m", "a member less"},
    {"owner", "WHO", "g", "cm", "login or DN of the owner"},
    {"errors-to", "ADDRESS", "g", "cm", "where errors of the list go"},
};

const OptionRow* find_row(std::string_view name) {
  const auto at = std::ranges::find_if(kOptions, [&](const auto& row) { return name == row.name; });
  return at == std::end(kOptions) ? nullptr : at;
}
}  // namespace

std::string Arguments::get(const std::string& name) const {
  const auto at = options.find(name);
  return at == options.end() ? "" : at->second.back();
}

const std::vector<std::string>& Arguments::all(const std::string& name) const {
  static const std::vector<std::string> none;
  const auto at = options.find(name);
  return at == options.end() ? none : at->second;
}

Result<std::string> Arguments::need(const std::string& name) const {
  if (auto value = get(name); !value.empty()) return value;
  return permanent(object + " " + action + " needs --" + name);
}

Result<std::int64_t> Arguments::number(const std::string& name, std::int64_t fallback) const {
  if (!has(name)) return fallback;
  const auto value = to_number<std::int64_t>(get(name));
  if (!value || *value < 0) return permanent("--" + name + " " + printable(get(name)) + " is not a number");
  return *value;
}

std::string usage() {
  std::string text =
      "usage: commadmin user|domain|group create|modify|delete|search [NAME] [options]\n"
      "NAME is short for --uid, --domain or --name.\n"
      "options (objects: u user, d domain, g group; actions: c create, m modify, d delete, s search):\n";
  for (const auto& row : kOptions) {
    std::string left =
        std::string("  --") + row.name + (row.value != nullptr ? std::string(" ") + row.value : "");
    left.resize(std::max<std::size_t>(left.size() + 1, 30), ' ');
    std::string where = std::string(row.objects) + "/" + row.actions;
    where.resize(std::max<std::size_t>(where.size(), 9), ' ');
    text += left + where + row.help + "\n";
  }
  return text;
}

namespace {
// The option at words[i], with its value, which may be the word behind it.
Result<> take_option(const std::vector<std::string>& words, std::size_t& i, Arguments& arguments) {
  auto name = words[i].substr(2);
  std::optional<std::string> value;
  if (const auto equal = name.find('='); equal != std::string::npos) {
    value = name.substr(equal + 1);
    name.resize(equal);
  }
  const auto* row = find_row(name);
  if (row == nullptr) return permanent("--" + printable(name) + ": no such option; see commadmin --help");
  if (row->value == nullptr && value) return permanent("--" + name + " takes no value");
  if (row->value != nullptr && !value) {
    if (++i == words.size()) return permanent("--" + name + " needs " + row->value);
    value = words[i];
  }
  arguments.options[name].push_back(value.value_or(""));
  return {};
}

struct Letter {
  std::string_view word;
  char letter;  // as the option rows have it
};
constexpr Letter kObjects[] = {{"user", 'u'}, {"domain", 'd'}, {"group", 'g'}};
constexpr Letter kActions[] = {{"create", 'c'}, {"modify", 'm'}, {"delete", 'd'}, {"search", 's'}};

char letter_of(std::span<const Letter> letters, std::string_view word) {
  const auto at = std::ranges::find(letters, word, &Letter::word);
  return at == letters.end() ? '\0' : at->letter;
}
}  // namespace

Result<Arguments> parse_arguments(const std::vector<std::string>& words) {
  Arguments arguments;
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i].starts_with("--"))
      TRY_VOID(take_option(words, i, arguments));
    else
      plain.push_back(words[i]);
  }
  if (plain.size() != 2 && plain.size() != 3)
    return permanent("name one object, one action and at most one name; see commadmin --help");
  arguments.object = plain[0];
  arguments.action = plain[1];
  const char object = letter_of(kObjects, plain[0]), action = letter_of(kActions, plain[1]);
  if (object == '\0') return permanent("'" + printable(plain[0]) + "' is not user, domain or group");
  if (action == '\0')
    return permanent("'" + printable(plain[1]) + "' is not create, modify, delete or search");
  if (plain.size() == 3) {
    const auto* name = object == 'u' ? "uid" : object == 'd' ? "domain" : "name";
    if (arguments.has(name))
      return permanent("'" + printable(plain[2]) + "' and --" + name + " name two things");
    arguments.options[name] = {plain[2]};
  }
  for (const auto& [name, values] : arguments.options) {
    const auto* row = find_row(name);
    if (std::string_view(row->objects).find(object) == std::string_view::npos ||
        std::string_view(row->actions).find(action) == std::string_view::npos)
      return permanent("--" + name + " does not go with " + arguments.object + " " + arguments.action);
  }
  return arguments;
}

Result<std::string> fill_pattern(std::string_view pattern, std::int64_t number) {
  const auto bad = [&] {
    return permanent("pattern '" + printable(pattern) + "': write one %d or %04d in it");
  };
  std::string text;
  bool filled = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      text += pattern[i];
      continue;
    }
    std::size_t end = i + 1;
    while (end < pattern.size() && is_digit(pattern[end])) ++end;
    if (filled || end >= pattern.size() || pattern[end] != 'd' || end - i > 3) return bad();
    const auto width = to_number<std::size_t>(pattern.substr(i + 1, end - i - 1)).value_or(0);
    auto digits = std::to_string(number);
    if (pattern[i + 1] == '0' && digits.size() < width) digits.insert(0, width - digits.size(), '0');
    text += digits;
    filled = true;
    i = end;
  }
  if (!filled) return bad();
  return text;
}

Result<std::string> parse_size(std::string_view text) {
  if (text == "-1" || text == "-2") return std::string(text);
  auto digits = text;
  std::int64_t factor = 1;
  if (!digits.empty() && !is_digit(digits.back())) {
    const char unit = upper(digits.back());
    factor = unit == 'K'   ? 1LL << 10
             : unit == 'M' ? 1LL << 20
             : unit == 'G' ? 1LL << 30
             : unit == 'T' ? 1LL << 40
                           : 0;
    digits.remove_suffix(1);
  }
  const auto number = to_number<std::int64_t>(digits);
  if (!number || factor == 0 || *number < 0 || *number > (1LL << 50) / factor * 1024)
    return permanent("'" + printable(text) + "' is no size; write bytes, or a number with k, M, G or T");
  return std::to_string(*number * factor);
}

}  // namespace waxwing::commadmin
