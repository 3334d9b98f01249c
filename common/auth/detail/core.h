// What every mechanism ends in: find the user, check the password or proof, check that he may come in.
// Private to common/auth.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/auth/authenticator.h"
#include "common/auth/detail/verified_cache.h"
#include "common/auth/password.h"
#include "common/auth/standing.h"

namespace waxwing::auth {

Step challenge(std::string bytes);
Step would_block();
Step failed(Reason reason, std::string for_log);

// An answer, or the step that ends (or suspends) the exchange.
template <class T>
using OrStep = std::expected<T, Step>;

struct Core {
  Core(Settings given, std::shared_ptr<directory::Directory> from);

  // Null when there is no such user; a Step when the directory cannot say.
  OrStep<directory::UserRef> find_user(std::string_view login, Ask ask);
  // Nothing when right.
  std::optional<Step> check_password(const directory::User& user, std::string_view password, Ask ask);
  // Password checked against the directory, then finish().
  Step by_password(const Peer& peer, const std::string& mechanism, std::string_view authorization_id,
                   std::string_view login, std::string_view password, Ask ask);
  // The proof was right: status, access and authorization identity.
  Step finish(const Peer& peer, const std::string& mechanism, const directory::UserRef& user,
              std::string_view login, std::string_view authorization_id, Ask ask);
  // The clear-text value among the user's passwords.
  static std::optional<std::string_view> clear_password(const directory::User& user);
  // Keys for SCRAM: stored ones, or derived from clear text (slow: a Step when that must not be now).
  OrStep<std::optional<ScramSecret>> scram_secret(const directory::User& user, Ask ask);
  // The same for ever for a name that does not exist: nobody can tell it from one that does.
  ScramSecret fake_secret(std::string_view login) const;
  bool plain_text_allowed(const Peer& peer) const;
  std::vector<std::string> mechanisms(const Peer& peer) const;
  bool is_admin(const directory::User& user) const;

  const Settings settings;
  const std::shared_ptr<directory::Directory> directory;
  VerifiedCache verified;
  Standing standing;
  const std::string key = random_bytes(32);
  std::mutex derived_mutex;
  struct DerivedSecret {
    std::string source;  // digest of the clear text it comes from
    ScramSecret secret;
  };
  std::unordered_map<std::string, DerivedSecret> derived;  // by DN
};

}  // namespace waxwing::auth
