#include "tools/configure/state_file.h"

#include <functional>
#include <map>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::configure {

namespace {

// One row a key: how it is read into and written from the settings.
struct Key {
  const char* name;
  std::function<Result<>(Settings&, const std::string&)> read;
  std::function<std::string(const Settings&)> write;
};

Key plain(const char* name, std::string Settings::*field) {
  return {name,
          [field](Settings& s, const std::string& value) -> Result<> {
            s.*field = value;
            return {};
          },
          [field](const Settings& s) { return s.*field; }};
}

Key hidden(const char* name, std::string Settings::*field) {
  return {name,
          [field, name](Settings& s, const std::string& value) -> Result<> {
            const auto bytes = from_base64(value);
            if (!bytes) return permanent(std::string(name) + " must be the password in base64");
            s.*field = *bytes;
            return {};
          },
          [field](const Settings& s) { return to_base64(s.*field); }};
}

Key networks() {
  return {"InternalIPList",
          [](Settings& s, const std::string& value) -> Result<> {
            s.relay_networks.clear();
            for (std::string_view piece : split(value, ','))
              if (!trim(piece).empty()) s.relay_networks.emplace_back(trim(piece));
            return {};
          },
          [](const Settings& s) { return join(s.relay_networks, ","); }};
}

// Keys of other releases that mean nothing here; read without complaint.
bool is_ignored(std::string_view name) {
  return name == "XMLCONFIG" || name == "cassandra" || name == "dssetup.dcsuffix" ||
         name == "dssetup.schematype";
}

const std::vector<Key>& keys() {
  static const std::vector<Key> table = {
      plain("Fqdn.TextField", &Settings::host_name),
      plain("msg.DataPath", &Settings::data_path),
      plain("iMS.UserId", &Settings::user),
      plain("iMS.GroupId", &Settings::group),
      plain("UGDIR_URL", &Settings::ldap_url),
      plain("UGDIR_BINDDN", &Settings::bind_dn),
      hidden("UGDIR_BINDPW", &Settings::bind_password),
      plain("dssetup.ugsuffix", &Settings::suffix),
      plain("OrgName.TextField", &Settings::organization_dn),
      plain("EmailDomain.TextField", &Settings::domain),
      plain("Postmaster.TextField", &Settings::postmaster),
      networks(),
      hidden("admin.password", &Settings::admin_password),
  };
  return table;
}

}  // namespace

Result<Settings> read_state_file(const std::string& path) {
  TRY(const std::string text, read_file(path, 1 << 20));
  Settings settings = installation_settings();
  int number = 0;
  for (std::string_view line : split(text, '\n')) {
    ++number;
    line = trim(line);
    if (line.empty() || line.front() == '#') continue;
    const std::string where = path + " line " + std::to_string(number);
    const auto equal = line.find('=');
    if (equal == std::string_view::npos) return permanent(where + ": key=value is wanted");
    const auto name = trim(line.substr(0, equal));
    const std::string value(trim(line.substr(equal + 1)));
    bool known = is_ignored(name);
    for (const Key& key : keys()) {
      if (name != key.name) continue;
      known = true;
      if (auto read = key.read(settings, value); !read) return wrap(read.error(), where);
    }
    if (!known) return permanent(where + ": no key is called '" + printable(name) + "'");
  }
  return settings;
}

std::string state_text(const Settings& settings) {
  std::string text =
      "# Answers given to configure; configure --state FILE uses them without asking.\n"
      "# Passwords are in base64: keep this file to yourself.\n";
  for (const Key& key : keys()) text += std::string(key.name) + "=" + key.write(settings) + "\n";
  return text;
}

}  // namespace waxwing::configure
