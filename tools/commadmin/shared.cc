#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>
#include <span>

#include "common/auth/password.h"
#include "common/base/file.h"
#include "common/base/strings.h"
#include "tools/commadmin/commands.h"
#include "tools/commadmin/missing.h"
#include "tools/service/hidden_typing.h"

namespace waxwing::commadmin {

Result<std::optional<Entry>> find_one(Session& session, const std::string& base, const std::string& filter,
                                      const std::string& what) {
  TRY(auto entries, session.editor.search(base, 2, filter, {"*"}));
  if (entries.size() > 1)
    return permanent(what + " fits two entries, " + entries[0].dn + " and " + entries[1].dn +
                     "; mend that first");
  if (entries.empty()) return std::nullopt;
  return std::move(entries[0]);
}

Result<Home> find_home(Session& session) {
  auto name = to_lower(session.arguments.get("domain"));
  if (name.empty()) name = session.settings.default_domain;
  if (name.empty()) return permanent("no domain: give --domain, or set local.defaultdomain");
  const auto safe = directory::escape_filter(name);
  TRY(const auto entry, find_one(session, session.settings.base_dn,
                                 "(&(objectClass=sunManagedOrganization)(|(sunPreferredDomain=" + safe +
                                     ")(associatedDomain=" + safe + ")))",
                                 "domain " + name));
  if (!entry) return no_such_domain(session, name);
  Home home;
  home.dn = entry->dn;
  home.base_dn = entry->has("inetDomainBaseDN") ? std::string(entry->first("inetDomainBaseDN")) : entry->dn;
  home.name = to_lower(entry->first("sunPreferredDomain"));
  home.mail_host = std::string(entry->first("preferredMailHost"));
  if (home.mail_host.empty()) home.mail_host = session.config.text("local.hostname");
  return home;
}

namespace {
constexpr const char* kAddresses[] = {"mail", "mailAlternateAddress", "mailEquivalentAddress"};
}

std::vector<std::string> addresses_of(const Editor::Attributes& attributes) {
  std::vector<std::string> all;
  for (const auto* name : kAddresses)
    for (const auto& value : values_in(attributes, name)) all.push_back(value);
  return all;
}

std::vector<std::string> addresses_of(const std::vector<Editor::Change>& changes) {
  std::vector<std::string> all;
  for (const auto& change : changes)
    if (std::ranges::any_of(kAddresses, [&](const char* name) { return iequals(name, change.attribute); }))
      all.insert(all.end(), change.values.begin(), change.values.end());
  return all;
}

Result<std::string> search_base(Session& session) {
  if (!session.arguments.has("domain")) return session.settings.base_dn;
  TRY(auto home, find_home(session));
  return std::move(home.base_dn);
}

Result<std::string> remove_entry(Session& session, const std::string& what, const std::string& dn,
                                 const std::vector<std::string>& status_attributes) {
  if (session.arguments.has("purge")) {
    TRY_VOID(session.editor.remove(dn));
    return what + " taken out of the directory\n";
  }
  std::vector<Editor::Change> changes;
  for (const auto& name : status_attributes)
    changes.push_back({Editor::Change::Kind::replace, name, {"deleted"}});
  TRY_VOID(session.editor.modify(dn, changes));
  return what + " marked deleted\n";
}

Result<std::string> check_address(const std::string& address) {
  const auto at = address.rfind('@');
  const bool good =
      at != std::string::npos && at + 1 < address.size() && address.size() <= 320 &&
      std::ranges::none_of(address, [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
  if (good) return address;
  return permanent("'" + printable(address) + "' is no mail address; write name@domain");
}

Result<std::string> check_status(const std::string& status) {
  if (const auto known = directory::parse_status(status)) return std::string(directory::to_string(*known));
  return permanent(
      "'" + printable(status) +
      "' is no status; there are active, inactive, deleted, removed, hold, overquota, disabled, unused");
}

Result<> check_addresses_free(Session& session, const std::vector<std::string>& addresses,
                              const std::string& own_dn) {
  if (addresses.empty()) return {};
  std::string filter = "(|";
  for (const auto& address : addresses)
    for (const auto* attribute : kAddresses)
      filter += std::string("(") + attribute + "=" + directory::escape_filter(address) + ")";
  TRY(const auto entries, session.editor.search(session.settings.base_dn, 2, filter + ")", {"1.1"}));
  for (const auto& entry : entries)
    if (!directory::same_dn(entry.dn, own_dn))
      return permanent("one of the addresses " + join(addresses, ", ") + " belongs to " + entry.dn +
                       " already");
  return {};
}

const std::vector<std::string>& values_in(const Editor::Attributes& attributes, const std::string& name) {
  static const std::vector<std::string> none;
  for (const auto& [attribute, values] : attributes)
    if (iequals(attribute, name)) return values;
  return none;
}

void put(Editor::Attributes& attributes, const std::string& name, std::vector<std::string> values) {
  for (auto& [attribute, old] : attributes)
    if (iequals(attribute, name)) {
      old = std::move(values);
      return;
    }
  attributes.emplace_back(name, std::move(values));
}

void put_default(Editor::Attributes& attributes, const std::string& name, std::vector<std::string> values) {
  if (values_in(attributes, name).empty() && !values.empty()) put(attributes, name, std::move(values));
}

Result<Editor::Attributes> collect(const Arguments& arguments, std::span<const Field> fields) {
  Editor::Attributes attributes;
  for (const Field& field : fields) {
    std::vector<std::string> values;
    for (const auto& given : arguments.all(field.option)) {
      if (given.empty()) continue;  // --alternate '' takes the attribute away
      Result<std::string> value = given;
      if (field.kind == Field::Kind::address) value = check_address(given);
      if (field.kind == Field::Kind::status) value = check_status(given);
      if (field.kind == Field::Kind::size) value = parse_size(given);
      if (!value) return wrap(value.error(), std::string("--") + field.option);
      values.push_back(std::move(*value));
    }
    if (arguments.has(field.option)) put(attributes, field.attribute, std::move(values));
  }
  for (const auto& text : arguments.all("set")) {
    const auto equal = text.find('=');
    if (equal == std::string::npos || equal == 0)
      return permanent("--set " + printable(text) + ": write attribute=value");
    const auto name = text.substr(0, equal);
    if (iequals(name, "userPassword"))
      return permanent("--set userPassword: use --password or --password-file");
    auto values = values_in(attributes, name);
    values.push_back(text.substr(equal + 1));
    put(attributes, name, std::move(values));
  }
  return attributes;
}

Result<std::vector<Editor::Change>> collect_changes(const Arguments& arguments,
                                                    std::span<const Field> fields) {
  TRY(auto attributes, collect(arguments, fields));
  for (const auto& name : arguments.all("unset")) put(attributes, name, {});
  std::vector<Editor::Change> changes;
  for (auto& [name, values] : attributes)
    changes.push_back({Editor::Change::Kind::replace, name, std::move(values)});
  return changes;
}

std::string listing(const Arguments& arguments, const directory::Entries& entries,
                    const std::vector<std::string>& columns) {
  if (!arguments.has("json")) {
    std::string text;
    for (const Entry& entry : entries) {
      std::string line;
      for (const auto& column : columns)
        line += (line.empty() ? "" : "  ") +
                (entry.has(column) ? printable(join(entry.values(column), ",")) : "-");
      text += line + "\n";
    }
    return text;
  }
  auto list = nlohmann::ordered_json::array();
  for (const Entry& entry : entries) {
    nlohmann::ordered_json one;
    one["dn"] = entry.dn;
    for (const auto& [name, values] : entry.attributes)
      if (!iequals(name, "userPassword")) one[name] = values;
    list.push_back(std::move(one));
  }
  return list.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

std::string wildcard_filter(const std::string& attribute, const std::string& pattern) {
  std::string value;
  for (const char c : pattern) value += c == '*' ? "*" : directory::escape_filter(std::string_view(&c, 1));
  return "(" + attribute + "=" + value + ")";
}

namespace {
Result<std::string> prompt(const char* words) {
  std::string line;
  bool read = false;
  {
    const HiddenTyping hidden;
    if (!hidden.on_terminal()) return permanent("give --password-file, or run on a terminal");
    std::cerr << words << std::flush;
    read = static_cast<bool>(std::getline(std::cin, line));
  }
  std::cerr << "\n";
  if (!read) return permanent("no password was typed");
  return line;
}
}  // namespace

Result<std::optional<std::string>> read_password(const Arguments& arguments, bool optional) {
  if (arguments.has("password")) return arguments.get("password");
  if (arguments.has("password-file")) {
    const auto file = arguments.get("password-file");
    std::string text;
    if (file == "-") {
      std::getline(std::cin, text);
    } else {
      TRY(text, read_file(file, 4096));
    }
    text.resize(std::min(text.find('\n'), text.size()));
    if (text.ends_with('\r')) text.pop_back();
    if (text.empty()) return permanent("--password-file " + file + ": the first line is empty");
    return text;
  }
  if (optional || arguments.has("no-password")) return std::nullopt;
  if (!::isatty(STDIN_FILENO))
    return permanent("no password: give --password-file, --password or --no-password");
  TRY(auto once, prompt("Password: "));
  TRY(const auto twice, prompt("Again: "));
  if (once != twice) return permanent("the two passwords differ");
  return once;
}

Result<std::vector<std::string>> password_values(const Config& config, const std::string& password) {
  std::vector<std::string> values;
  const auto schemes = replace_all(config.text("auth.newpassword"), ",", " ");
  for (const auto scheme : split_words(schemes)) {
    TRY(auto value, auth::hash_password(scheme, password));
    values.push_back(std::move(value));
  }
  if (values.empty()) return permanent("auth.newpassword is empty; set it to a scheme such as SSHA512");
  return values;
}

}  // namespace waxwing::commadmin
