// PLAIN (RFC 4616), LOGIN (as everybody does it), CRAM-MD5 (RFC 2195), EXTERNAL (RFC 4422 appendix A).
#include "common/auth/detail/mechanisms.h"

#include "common/base/time.h"

namespace waxwing::auth {

namespace {
Step malformed(const char* mechanism, const std::string& what) {
  return failed(Reason::malformed, std::string(mechanism) + ": " + what);
}

class Plain : public Mechanism {
 public:
  using Mechanism::Mechanism;
  Step begin(std::optional<std::string_view> initial, Ask ask) override {
    return initial ? step(*initial, ask) : challenge("");
  }
  Step step(std::string_view response, Ask ask) override {
    if (response.size() > kMaxResponseBytes) return malformed("PLAIN", "message too long");
    const auto fields = split(response, '\0');
    if (fields.size() != 3) return malformed("PLAIN", "not authzid NUL authcid NUL password");
    if (fields[1].empty()) return malformed("PLAIN", "no user name");
    return core_.by_password(peer_, "PLAIN", fields[0], fields[1], fields[2], ask);
  }
};

class Login : public Mechanism {
 public:
  using Mechanism::Mechanism;
  Step begin(std::optional<std::string_view> initial, Ask ask) override {
    return initial ? step(*initial, ask) : challenge("Username:");
  }
  Step step(std::string_view response, Ask ask) override {
    if (response.size() > kMaxResponseBytes) return malformed("LOGIN", "message too long");
    if (user_) return core_.by_password(peer_, "LOGIN", {}, *user_, response, ask);
    if (response.empty()) return malformed("LOGIN", "no user name");
    user_ = std::string(response);
    return challenge("Password:");
  }

 private:
  std::optional<std::string> user_;
};

class CramMd5 : public Mechanism {
 public:
  CramMd5(Core& core, const Peer& peer)
      : Mechanism(core, peer),
        challenge_("<" + std::to_string(random_u64()) + "." + std::to_string(wall_seconds()) + "@" +
                   core.settings.host_name + ">") {}
  Step begin(std::optional<std::string_view> initial, Ask) override {
    if (initial) return malformed("CRAM-MD5", "the server speaks first");
    return challenge(challenge_);
  }
  Step step(std::string_view response, Ask ask) override {
    const auto space = response.rfind(' ');
    if (response.size() > kMaxResponseBytes || space == std::string_view::npos || space == 0)
      return malformed("CRAM-MD5", "not 'user digest'");
    const auto login = response.substr(0, space);
    const auto user = core_.find_user(login, ask);
    if (!user) return user.error();
    const auto clear = *user ? Core::clear_password(**user) : std::nullopt;
    const auto wanted = to_hex(hmac(Digest::md5, clear.value_or(""), challenge_));
    if (!clear || !same_bytes(wanted, to_lower(response.substr(space + 1)))) {
      core_.directory->expire_user(login);
      return failed(Reason::credentials, printable(login) + (!*user   ? ": no such user"
                                                             : !clear ? ": no password in clear for CRAM-MD5"
                                                                      : ": wrong digest"));
    }
    return core_.finish(peer_, "CRAM-MD5", *user, login, {}, ask);
  }

 private:
  const std::string challenge_;
};

class External : public Mechanism {
 public:
  using Mechanism::Mechanism;
  Step begin(std::optional<std::string_view> initial, Ask ask) override {
    return initial ? step(*initial, ask) : challenge("");
  }
  Step step(std::string_view response, Ask ask) override {
    if (response.size() > kMaxResponseBytes || response.find('\0') != std::string_view::npos)
      return malformed("EXTERNAL", "not an authorization identity");
    const auto login = login_of_subject(peer_.tls_subject, core_.settings.certificate_name);
    if (login.empty())
      return failed(Reason::credentials, "certificate " + printable(peer_.tls_subject) + " has no " +
                                             core_.settings.certificate_name);
    const auto user = core_.find_user(login, ask);
    if (!user) return user.error();
    if (!*user) return failed(Reason::credentials, printable(login) + " of the certificate: no such user");
    return core_.finish(peer_, "EXTERNAL", *user, login, response, ask);
  }
};
}  // namespace

std::unique_ptr<Mechanism> make_mechanism(std::string_view name, Core& core, const Peer& peer) {
  if (name == "PLAIN") return std::make_unique<Plain>(core, peer);
  if (name == "LOGIN") return std::make_unique<Login>(core, peer);
  if (name == "CRAM-MD5") return std::make_unique<CramMd5>(core, peer);
  if (name == "EXTERNAL") return std::make_unique<External>(core, peer);
  return make_scram(core, peer, name == "SCRAM-SHA-256-PLUS");
}

std::string login_of_subject(std::string_view subject, std::string_view part) {
  const char separator = subject.starts_with('/') ? '/' : ',';
  std::string value;
  std::size_t at = separator == '/' ? 1 : 0;
  while (at < subject.size()) {
    while (at < subject.size() && subject[at] == ' ') ++at;
    const auto equal = subject.find('=', at);
    if (equal == std::string_view::npos) return "";
    const auto name = trim(subject.substr(at, equal - at));
    value.clear();
    for (at = equal + 1; at < subject.size() && subject[at] != separator && subject[at] != '+'; ++at) {
      if (separator == ',' && subject[at] == '\\' && at + 1 < subject.size()) {
        const auto byte = at + 2 < subject.size() ? from_hex(subject.substr(at + 1, 2)) : std::nullopt;
        value += byte ? *byte : std::string(1, subject[at + 1]);
        at += byte ? 2 : 1;
      } else {
        value += subject[at];
      }
    }
    if (iequals(name, part)) return value;
    ++at;
  }
  return "";
}

}  // namespace waxwing::auth
