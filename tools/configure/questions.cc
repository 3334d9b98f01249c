#include "tools/configure/questions.h"

#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <functional>
#include <istream>
#include <ostream>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "tools/configure/place.h"
#include "tools/service/hidden_typing.h"

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
      say(why);
    }
  }

  Result<std::string> ask_password(const std::string& question) {
    for (;;) {
      TRY(std::string password, hidden_line(question));
      if (!password.empty()) return password;
      say("a password is needed");
    }
  }

  Result<std::string> ask_new_password(const std::string& question) {
    for (;;) {
      TRY(const std::string first, hidden_line(question));
      if (const auto why = wrong_with_password(first); !why.empty()) {
        say(why);
        continue;
      }
      TRY(const std::string second, hidden_line("The same again"));
      if (first == second) return first;
      say("the two are not the same");
    }
  }

  Result<bool> yes(const std::string& question, bool fallback) {
    TRY(const std::string answer, ask(question, fallback ? "yes" : "no", [](std::string& text) {
          return istarts_with("yes", text) || istarts_with("no", text) ? "" : std::string("yes or no");
        }));
    return istarts_with("yes", answer);
  }

  void say(const std::string& what) { terminal_.out << "  " << what << "\n"; }

 private:
  Result<std::string> raw_line() {
    std::string text;
    if (!std::getline(terminal_.in, text))
      return permanent("the input ended before all questions were answered");
    return text;
  }
  Result<std::string> line() {
    TRY(const std::string text, raw_line());
    return std::string(trim(text));
  }
  // A password may begin and end with blanks.
  Result<std::string> hidden_line(const std::string& question) {
    terminal_.out << question << ": " << std::flush;
    auto text = [&] {
      const HiddenTyping hidden;
      return raw_line();
    }();
    terminal_.out << "\n";
    if (text && text->ends_with('\r')) text->pop_back();
    return text;
  }
  Terminal terminal_;
};

const Check anything = [](std::string&) { return std::string(); };

std::string why_not(const Result<>& checked) {
  return checked ? std::string() : checked.error().text;
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
    TRY(s.data_path, asker.ask("Folder for configuration and data", s.data_path,
                               [](std::string& folder) { return why_not(check_place(folder)); }));
    if (!file_exists(s.data_path + "/config/msg.conf")) break;
    TRY(const bool overwrite, asker.yes("Overwrite the existing configuration", true));
    if (overwrite) break;
  }
  TRY(s.user, asker.ask("User that runs the servers", s.user,
                        [](std::string& name) { return why_not(check_user(name)); }));
  if (::getpwnam(s.user.c_str()) == nullptr) {
    TRY(s.group, asker.ask("Group of that user", s.group, anything));
  }
  return {};
}

Result<> ask_for_directory(Asker& asker, Settings& s, const TryDirectory& try_directory) {
  for (;;) {
    TRY(const std::string host,
        asker.ask("LDAP host, or 'private' for a server of this instance's own", "private", anything));
    s.ldap_url.clear();
    if (host == "private") return {};
    s.ldap_url = s.complete_ldap_url(host);
    TRY(s.bind_dn, asker.ask("LDAP administrator's DN", "cn=Directory Manager", anything));
    TRY(s.bind_password, asker.ask_password("LDAP administrator's password"));
    TRY(s.suffix, asker.ask("Suffix of the users' tree", s.suffix, anything));
    const auto why = why_not(try_directory(s));
    if (why.empty()) return {};
    asker.say(why);
  }
}

}  // namespace

Settings default_settings() {
  Settings settings = installation_settings();
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

Result<Settings> ask_questions(Terminal terminal, const Settings& defaults,
                               const TryDirectory& try_directory) {
  Asker asker(terminal);
  Settings s = defaults;
  TRY_VOID(ask_for_place(asker, s));
  TRY(s.host_name, asker.ask("Fully qualified name of this host", s.host_name, wrong_with_host));
  if (s.domain.empty()) s.domain = s.host_name.substr(s.host_name.find('.') + 1);
  TRY(s.domain, asker.ask("Default mail domain", s.domain, wrong_with_domain));
  TRY_VOID(ask_for_directory(asker, s, try_directory));
  TRY(s.postmaster, asker.ask("Postmaster's mail address", "admin@" + s.domain, wrong_with_postmaster));
  TRY(const std::string networks, asker.ask("Addresses that may relay without a login (a.b.c.d/bits, "
                                            "separated by commas; this host always may)",
                                            "", wrong_with_networks));
  for (std::string_view piece : split(networks, ','))
    if (!trim(piece).empty()) s.relay_networks.emplace_back(trim(piece));
  TRY(s.admin_password, asker.ask_new_password("Password for the account admin"));
  return s;
}

}  // namespace waxwing::configure
