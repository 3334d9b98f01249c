#include "common/auth/authenticator.h"

#include <algorithm>

#include "common/auth/access.h"
#include "common/auth/detail/core.h"
#include "common/config/config.h"

namespace waxwing::auth {

namespace {
constexpr std::string_view kKnownMechanisms[] = {
    "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "EXTERNAL"};

const char* words_for(Reason reason) {
  switch (reason) {
    case Reason::credentials:
      return "Authentication failed.";
    case Reason::temporary:
      return "Authentication is not possible at the moment; try again later.";
    case Reason::status:
      return "This account is not active.";
    case Reason::access:
      return "This service is not open to you from this address.";
    case Reason::authorization:
      return "You may not act for that user.";
    case Reason::encryption_required:
      return "Encryption is required for this; start TLS first.";
    case Reason::unknown_mechanism:
      return "This authentication mechanism is not offered.";
    case Reason::malformed:
      return "The authentication exchange is malformed.";
  }
  return "";
}
}  // namespace

const char* to_string(Reason reason) {
  constexpr const char* names[] = {
      "credentials",         "temporary",         "status",   "access", "authorization",
      "encryption_required", "unknown_mechanism", "malformed"};
  return names[static_cast<int>(reason)];
}

Step challenge(std::string bytes) {
  Step step;
  step.kind = Step::Kind::challenge;
  step.challenge = std::move(bytes);
  return step;
}

Step would_block() {
  Step step;
  step.kind = Step::Kind::would_block;
  return step;
}

Step failed(Reason reason, std::string for_log) {
  Step step;
  step.failure = {reason, words_for(reason), std::move(for_log)};
  return step;
}

Result<Settings> Settings::from(const Config& config) {
  Settings settings;
  const auto plain = config.text("auth.plaintext");
  if (iequals(plain, "never"))
    settings.plain_text = PlainText::never;
  else if (iequals(plain, "local"))
    settings.plain_text = PlainText::local;
  else if (iequals(plain, "always"))
    settings.plain_text = PlainText::always;
  else
    return permanent("auth.plaintext is '" + printable(plain) + "'; it must be never, local or always");
  settings.mechanisms.clear();
  const auto mechanisms = replace_all(config.text("auth.mechanisms"), ",", " ");
  for (const auto word : split_words(mechanisms)) {
    if (std::ranges::none_of(kKnownMechanisms, [&](auto known) { return iequals(known, word); }))
      return permanent(
          "auth.mechanisms: '" + printable(word) +
          "' is not known; there are SCRAM-SHA-256-PLUS, SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN and EXTERNAL");
    settings.mechanisms.push_back(to_upper(word));
  }
  settings.has_plain_passwords = config.flag("auth.hasplainpasswords");
  settings.scram = config.flag("auth.scram");
  settings.bind = config.flag("auth.bind");
  const auto admins = replace_all(config.text("auth.admins"), ",", " ");
  for (const auto word : split_words(admins)) settings.admins.push_back(to_lower(word));
  settings.certificate_name = config.text("auth.certificatename");
  settings.host_name = config.text("local.hostname");
  settings.cache_entries = static_cast<std::size_t>(config.number("auth.cachesize"));
  settings.cache_seconds = config.number("auth.cachetime");
  return settings;
}

// ---- the core -----------------------------------------------------------------------------------

Core::Core(Settings given, std::shared_ptr<directory::Directory> from)
    : settings(std::move(given)),
      directory(std::move(from)),
      verified(settings.cache_entries, settings.cache_seconds),
      standing(directory) {}

bool Core::plain_text_allowed(const Peer& peer) const {
  if (peer.tls || settings.plain_text == Settings::PlainText::always) return true;
  return settings.plain_text == Settings::PlainText::local && is_loopback(peer.address);
}

bool Core::is_admin(const directory::User& user) const {
  const auto full = to_lower(user.uid) + "@" + user.domain->name;
  return std::ranges::any_of(settings.admins,
                             [&](const auto& name) { return name == user.store_name || name == full; });
}

OrStep<directory::UserRef> Core::find_user(std::string_view login, Ask ask) {
  auto user = directory->user_by_login(login, ask);
  if (user) return std::move(*user);
  if (directory::is_would_block(user.error())) return std::unexpected(would_block());
  return std::unexpected(failed(Reason::temporary, printable(login) + ": " + user.error().text));
}

std::optional<Step> Core::check_password(const directory::User& user, std::string_view password, Ask ask) {
  const auto wrong = [&](const std::string& why) {
    return failed(Reason::credentials, user.store_name + ": " + why);
  };
  std::string problem = "wrong password";
  const auto try_values = [&](bool slow) {
    for (const auto& stored : user.passwords) {
      if (is_slow(stored) != slow) continue;
      const auto good = verify_password(stored, password);
      if (!good) problem = "entry " + user.dn + ": userPassword: " + good.error().text;
      if (good && *good) return true;
    }
    return false;
  };
  if (!settings.bind && try_values(false)) return std::nullopt;
  const bool any_slow = std::ranges::any_of(user.passwords, is_slow);
  if (!settings.bind && !any_slow)
    return wrong(user.passwords.empty() ? "entry " + user.dn + " shows no userPassword" : problem);
  const auto digest = verified.digest(user.dn, user.passwords, password);
  if (verified.knows(digest)) return std::nullopt;
  if (ask == Ask::cache_only) return would_block();
  if (settings.bind) {
    const auto bound = directory->verify_bind(user.dn, std::string(password));
    if (!bound) return failed(Reason::temporary, user.store_name + ": " + bound.error().text);
    if (!*bound) return wrong("the directory refuses the bind as " + user.dn);
  } else if (!try_values(true)) {
    return wrong(problem);
  }
  // A value of the entry is under the digest: when it changes, the digest is worth nothing. A bind shows no
  // value.
  verified.remember(digest, settings.bind ? directory->settings().login_seconds : settings.cache_seconds);
  return std::nullopt;
}

Step Core::by_password(const Peer& peer, const std::string& mechanism, std::string_view authorization_id,
                       std::string_view login, std::string_view password, Ask ask) {
  if (!plain_text_allowed(peer))
    return failed(Reason::encryption_required, printable(login) + ": password in clear without TLS");
  // A wrong password may be a new one: the entry is read again before it is called wrong.
  for (bool again : {true, false}) {
    const auto user = find_user(login, ask);
    if (!user) return user.error();
    auto stop = *user ? check_password(**user, password, ask)
                      : failed(Reason::credentials, printable(login) + ": no such user");
    if (!stop) return finish(peer, mechanism, *user, login, authorization_id, ask);
    if (stop->kind == Step::Kind::would_block || stop->failure.reason != Reason::credentials) return *stop;
    if (ask == Ask::cache_only) return would_block();
    if (!again || !directory->expire_user(login)) return *stop;
  }
  return failed(Reason::credentials, printable(login) + ": wrong password");
}

Step Core::finish(const Peer& peer, const std::string& mechanism, const directory::UserRef& user,
                  std::string_view login, std::string_view authorization_id, Ask ask) {
  if (auto verdict = check_access(*user, peer); !verdict.allowed) {
    Step step;
    step.failure = std::move(verdict.failure);
    return step;
  }
  Step step;
  step.kind = Step::Kind::done;
  step.identity = {user, user->store_name, is_admin(*user), false, mechanism};
  if (authorization_id.empty() || authorization_id == login || iequals(authorization_id, user->store_name))
    return step;
  const auto target = find_user(authorization_id, ask);
  if (!target) return target.error();
  if (*target && (*target)->dn == user->dn) return step;
  if (!step.identity.administrator || !*target)
    return failed(Reason::authorization,
                  user->store_name + " may not act for " + printable(authorization_id) +
                      (step.identity.administrator ? ": no such user" : ": not in auth.admins"));
  step.identity.user = *target;
  step.identity.proxied = true;
  return step;
}

std::optional<std::string_view> Core::clear_password(const directory::User& user) {
  for (const auto& stored : user.passwords)
    if (is_clear_text(stored) && !clear_text(stored).empty()) return clear_text(stored);
  return std::nullopt;
}

OrStep<std::optional<ScramSecret>> Core::scram_secret(const directory::User& user, Ask ask) {
  for (const auto& stored : user.passwords)
    if (istarts_with(stored, "{SCRAM-SHA-256}"))
      if (auto secret = parse_scram(stored)) return std::move(*secret);
  const auto clear = settings.has_plain_passwords ? clear_password(user) : std::nullopt;
  if (!clear) return std::nullopt;
  const auto source = hmac(Digest::sha256, key, *clear);
  {
    const std::lock_guard lock(derived_mutex);
    if (const auto at = derived.find(user.dn); at != derived.end() && at->second.source == source)
      return at->second.secret;
  }
  if (ask == Ask::cache_only) return std::unexpected(would_block());
  const auto prepared = prepare_password(*clear);
  if (!prepared) return std::nullopt;
  auto secret = derive_scram(*prepared, hmac(Digest::sha256, key, "salt:" + user.dn).substr(0, 16), 4096);
  const std::lock_guard lock(derived_mutex);
  if (derived.size() >= settings.cache_entries) derived.clear();
  derived[user.dn] = {source, secret};
  return secret;
}

ScramSecret Core::fake_secret(std::string_view login) const {
  const std::string name = to_lower(login);
  return {4096, hmac(Digest::sha256, key, "salt:" + name).substr(0, 16),
          hmac(Digest::sha256, key, "stored:" + name), hmac(Digest::sha256, key, "server:" + name)};
}

// ---- the public face ----------------------------------------------------------------------------

Authenticator::Authenticator(std::shared_ptr<Core> core) : core_(std::move(core)) {}
Authenticator::~Authenticator() = default;

Result<std::shared_ptr<Authenticator>> Authenticator::open(Settings settings,
                                                           std::shared_ptr<directory::Directory> directory) {
  if (!directory) return bug("Authenticator::open without a directory");
  for (auto& name : settings.mechanisms) name = to_upper(name);
  for (auto& name : settings.admins) name = to_lower(name);
  return std::shared_ptr<Authenticator>(
      new Authenticator(std::make_shared<Core>(std::move(settings), std::move(directory))));
}

Result<std::shared_ptr<Authenticator>> Authenticator::open(const Config& config,
                                                           std::shared_ptr<directory::Directory> directory) {
  TRY(auto settings, Settings::from(config));
  return open(std::move(settings), std::move(directory));
}

std::vector<std::string> Authenticator::mechanisms(const Peer& peer) const {
  return core_->mechanisms(peer);
}

std::vector<std::string> Core::mechanisms(const Peer& peer) const {
  std::vector<std::string> offered;
  const bool scram = settings.scram || settings.has_plain_passwords;
  const bool bindable = !peer.tls_exporter.empty() || !peer.tls_server_end_point.empty();
  for (const auto& name : settings.mechanisms) {
    const bool plain = name == "PLAIN" || name == "LOGIN";
    if ((plain && plain_text_allowed(peer)) || (name == "CRAM-MD5" && settings.has_plain_passwords) ||
        (name == "SCRAM-SHA-256" && scram) || (name == "SCRAM-SHA-256-PLUS" && scram && bindable) ||
        (name == "EXTERNAL" && !peer.tls_subject.empty()))
      offered.push_back(name);
  }
  return offered;
}

bool Authenticator::plain_text_allowed(const Peer& peer) const {
  return core_->plain_text_allowed(peer);
}
bool Authenticator::apop_offered() const {
  return core_->settings.has_plain_passwords;
}
Standing& Authenticator::standing() const {
  return core_->standing;
}
directory::Directory& Authenticator::directory() const {
  return *core_->directory;
}
const Settings& Authenticator::settings() const {
  return core_->settings;
}

void Authenticator::flush() {
  core_->verified.clear();
  const std::lock_guard lock(core_->derived_mutex);
  core_->derived.clear();
}

Step Authenticator::password(const Peer& peer, std::string_view login, std::string_view password, Ask ask) {
  return core_->by_password(peer, "PASSWORD", {}, login, password, ask);
}

Step Authenticator::apop(const Peer& peer, std::string_view login, std::string_view banner,
                         std::string_view digest, Ask ask) {
  if (!apop_offered()) return failed(Reason::unknown_mechanism, printable(login) + ": APOP is not offered");
  const auto user = core_->find_user(login, ask);
  if (!user) return user.error();
  const auto clear = *user ? Core::clear_password(**user) : std::nullopt;
  const auto wanted = to_hex(hash(Digest::md5, std::string(banner) + std::string(clear.value_or(""))));
  if (!clear || !same_bytes(wanted, to_lower(digest))) {
    core_->directory->expire_user(login);
    return failed(Reason::credentials, printable(login) + (!*user   ? ": no such user"
                                                           : !clear ? ": no password in clear"
                                                                    : ": wrong digest"));
  }
  return core_->finish(peer, "APOP", *user, login, {}, ask);
}

}  // namespace waxwing::auth
