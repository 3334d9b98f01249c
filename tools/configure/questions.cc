#include "tools/configure/questions.h"

#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <functional>
#include <istream>
#include <ostream>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::configure {

namespace {

using Check = std::function<std::string(std::string&)>;

class Asker {
 public:
  explicit Asker(Terminal terminal) : terminal_(terminal) {}

  Result<std::string> ask(const std::string& question, const std::string& fallback, const Check& wrong) {
    for (;;) {
      terminal_.out << question << (fallback.empty() ? "" : " [" + fallback + "]") << ": " << std::flush;
      TRY(std::string answer, line());
      if (answer.empty()) answer = fallback;
      const std::string why = wrong(answer);
      if (why.empty()) return answer;
      terminal_.out << "  " << why << "\n";
    }
  }

  Result<std::string> ask_password(const std::string& question, bool twice) {
    for (;;) {
      TRY(const std::string first, hidden_line(question));
      if (first.empty()) {
        terminal_.out << "  a password is needed\n";
        continue;
      }
      if (!twice) return first;
      TRY(const std::string second, hidden_line("The same again"));
      if (first == second) return first;
      terminal_.out << "  the two are not the same\n";
    }
  }

  Result<bool> yes(const std::string& question, bool fallback) {
    TRY(const std::string answer, ask(question, fallback ? "yes" : "no", [](std::string& text) {
          return istarts_with("yes", text) || istarts_with("no", text) ? "" : std::string("yes or no");
        }));
    return istarts_with("yes", answer);
  }

 private:
  Result<std::string> line() {
    std::string text;
    if (!std::getline(terminal_.in, text))
      return permanent("the input ended before all questions were answered");
    return std::string(trim(text));
  }
  Result<std::string> hidden_line(const std::string& question) {
    terminal_.out << question << ": " << std::flush;
    terminal_.hide(true);
    auto text = line();
    terminal_.hide(false);
    terminal_.out << "\n";
    return text;
  }
  Terminal terminal_;
};

const Check anything = [](std::string&) { return std::string(); };

std::string wrong_with_path(std::string& path) {
  if (path.empty() || path.front() != '/') return "a full path is wanted, beginning with /";
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return {};
}

std::string wrong_with_networks(std::string& text) {
  for (std::string_view piece : split(text, ',')) {
    std::string network(trim(piece));
    if (!network.empty() && !read_network(network)) return "'" + network + "' is no IP address or network";
  }
  return {};
}

Result<> ask_for_place(Asker& asker, Settings& s) {
  for (;;) {
    TRY(s.data_path, asker.ask("Folder for configuration and data", s.data_path, wrong_with_path));
    if (!file_exists(s.data_path + "/config/msg.conf")) break;
    TRY(const bool overwrite, asker.yes("Overwrite the existing configuration", true));
    if (overwrite) break;
  }
  TRY(s.user, asker.ask("User that runs the servers", s.user, [](std::string& name) {
    return name.empty() ? std::string("a user name is wanted") : std::string();
  }));
  if (::getpwnam(s.user.c_str()) == nullptr) {
    TRY(s.group, asker.ask("Group of that user", s.group, anything));
  }
  return {};
}

Result<> ask_for_directory(Asker& asker, Settings& s) {
  TRY(const std::string host,
      asker.ask("LDAP host, or 'private' for a server of this instance's own", "private", anything));
  if (host == "private") return {};
  s.ldap_url = s.complete_ldap_url(host);
  TRY(s.bind_dn, asker.ask("LDAP administrator's DN", "cn=Directory Manager", anything));
  TRY(s.bind_password, asker.ask_password("LDAP administrator's password", false));
  TRY(s.suffix, asker.ask("Suffix of the users' tree", s.suffix, anything));
  return {};
}

}  // namespace

Settings default_settings() {
  Settings settings;
  settings.data_path = "/var/opt/waxwing";
  settings.user = "mailsrv";
  settings.group = "mail";
  char name[256] = "";
  ::gethostname(name, sizeof name - 1);
  settings.host_name = name;
  addrinfo hints{}, *found = nullptr;
  hints.ai_flags = AI_CANONNAME;
  if (settings.host_name.find('.') == std::string::npos &&
      ::getaddrinfo(name, nullptr, &hints, &found) == 0) {
    if (found->ai_canonname != nullptr) settings.host_name = found->ai_canonname;
    ::freeaddrinfo(found);
  }
  const auto dot = settings.host_name.find('.');
  if (dot == std::string::npos) {
    settings.host_name.clear();  // a bare name is no answer to offer
  } else {
    settings.domain = settings.host_name.substr(dot + 1);
  }
  return settings;
}

Result<Settings> ask_questions(Terminal terminal, const Settings& defaults) {
  Asker asker(terminal);
  Settings s = defaults;
  TRY_VOID(ask_for_place(asker, s));
  TRY(s.host_name, asker.ask("Fully qualified name of this host", s.host_name, wrong_with_host));
  if (s.domain.empty()) s.domain = s.host_name.substr(s.host_name.find('.') + 1);
  TRY(s.domain, asker.ask("Default mail domain", s.domain, wrong_with_domain));
  TRY_VOID(ask_for_directory(asker, s));
  TRY(s.postmaster, asker.ask("Postmaster's mail address", "admin@" + s.domain, wrong_with_postmaster));
  TRY(const std::string networks,
      asker.ask(
          "Addresses that may relay without a login (a.b.c.d/bits, separated by commas; none: this host)", "",
          wrong_with_networks));
  for (std::string_view piece : split(networks, ','))
    if (!trim(piece).empty()) s.relay_networks.emplace_back(trim(piece));
  TRY(s.admin_password, asker.ask_password("Password for the account admin", true));
  return s;
}

}  // namespace waxwing::configure
