// Authenticator: who is the client, and may he come in? Shared by smtpd, imapd, popd and mshttpd.
//
// One Authenticator serves a whole process and is thread-safe; an Exchange is one attempt of one session.
// SASL (RFC 4422) without I/O: the daemon carries bytes, base64 included or not as its protocol wants.
//
//   auto exchange = auth->begin(peer);
//   auto step = exchange.start("PLAIN", initial_bytes, Ask::cache_only);
//   if (step.kind == Step::Kind::would_block)      // exactly the same call, on a worker
//     step = co_await workers.run([&] { return exchange.start("PLAIN", initial_bytes, Ask::may_block); });
//   challenge: send step.challenge (may be empty), read the answer, exchange.step(answer, ...), and so on
//   done:      step.identity says who; nothing more is to be sent but the protocol's success line
//   failed:    step.failure says what to tell the client and what to log; the exchange is over
//
// would_block changes nothing in the exchange. It is answered only with Ask::cache_only: when the directory
// must be asked, or when a slow hash (over 100 microseconds) must be computed. Cached users with a salted
// SHA-2 password, and everyone who logged in lately, pass inline.
//
// done is answered only when all holds: the password (or proof) is right, the user's and the domain's status
// permit a login, the service access filters permit this service from this address, and the authorization
// identity is the user himself or the user is an administrator.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/directory/directory.h"

namespace waxwing::auth {

using directory::Ask;

enum class Service { smtp, imap, pop, http };

// What the daemon knows about the other side. The Exchange keeps a copy.
struct Peer {
  Service service = Service::imap;
  std::string address;    // numeric, "" for a Unix socket
  std::string host_name;  // when the daemon has looked it up; may be empty
  bool tls = false;
  // As Stream::tls_channel_binding(): for SCRAM-SHA-256-PLUS; both empty: not offered.
  std::string tls_exporter, tls_server_end_point;
  std::string tls_subject;  // of a verified client certificate, as Stream::tls_peer_subject(); else empty
};

struct Identity {
  directory::UserRef user;        // whose mailbox and rights: the authorization identity
  std::string authentication_id;  // store name of who showed the password; differs for an administrator
  bool administrator = false;     // that one is in auth.admins
  bool proxied = false;           // an administrator acts for user
  std::string mechanism;  // "PLAIN", "LOGIN", ...; "plain" commands (IMAP LOGIN, USER/PASS): "PASSWORD"
};

enum class Reason {
  credentials,          // wrong user, password or proof: all told to the client in the same words
  temporary,            // the directory cannot say: 454 4.7.0 / NO [UNAVAILABLE] / -ERR [SYS/TEMP]
  status,               // right password, but the account or domain is not active
  access,               // right password, but not this service from this address
  authorization,        // may not act for that user
  encryption_required,  // 538 5.7.11 / NO [PRIVACYREQUIRED]: TLS first
  unknown_mechanism,    // 504 5.5.4 / NO
  malformed,            // the bytes are no such exchange: 501 5.5.2 / BAD
};
const char* to_string(Reason reason);

struct Failure {
  Reason reason = Reason::credentials;
  std::string for_client;  // one line, never says whether the user exists
  std::string for_log;     // one line, names the login
};

struct Step {
  enum class Kind { challenge, done, failed, would_block };
  Kind kind = Kind::failed;
  std::string challenge;  // raw bytes
  Identity identity;
  Failure failure;
};

struct Settings {
  enum class PlainText { never, local, always };  // plain-text passwords without TLS; local: from loopback
  PlainText plain_text = PlainText::local;
  std::vector<std::string> mechanisms = {
      "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "EXTERNAL"};
  bool has_plain_passwords = false;  // the directory holds clear text: CRAM-MD5, SCRAM and APOP from it
  bool scram = false;                // users have {SCRAM-SHA-256} values: offer it
  bool bind = false;                 // check passwords by an LDAP bind, not by userPassword
  std::vector<std::string> admins;   // store names that may act for everyone
  std::string certificate_name = "emailAddress";  // the part of the subject that is the login
  std::string host_name = "localhost";            // in CRAM-MD5 challenges
  std::size_t cache_entries = 10000;              // verified passwords, as keyed digests
  std::int64_t cache_seconds = 900;

  // From the auth.* options.
  static Result<Settings> from(const Config& config);
};

class Authenticator;
class Standing;
struct Core;  // private to common/auth

class Exchange {
 public:
  Exchange(Exchange&&) noexcept;
  Exchange& operator=(Exchange&&) noexcept;
  ~Exchange();

  // mechanism case-blind; initial: the decoded initial response, nothing when the client sent none ("=" on
  // the wire is an empty one, not none).
  Step start(std::string_view mechanism, std::optional<std::string_view> initial, Ask ask);
  // The decoded answer to the last challenge. "*" (cancel) is the daemon's: it just drops the exchange.
  Step step(std::string_view response, Ask ask);

 private:
  friend class Authenticator;
  struct Inner;
  explicit Exchange(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

class Authenticator {
 public:
  static Result<std::shared_ptr<Authenticator>> open(Settings settings,
                                                     std::shared_ptr<directory::Directory> directory);
  // As the auth.* options say.
  static Result<std::shared_ptr<Authenticator>> open(const Config& config,
                                                     std::shared_ptr<directory::Directory> directory);
  ~Authenticator();

  // What to offer this peer now, best first: the text after AUTH in EHLO, AUTH= in CAPABILITY, SASL in CAPA.
  std::vector<std::string> mechanisms(const Peer& peer) const;
  // May this peer send a password in clear (IMAP LOGIN, POP USER)? false: LOGINDISABLED, no USER.
  bool plain_text_allowed(const Peer& peer) const;
  // APOP is to be offered.
  bool apop_offered() const;

  Exchange begin(const Peer& peer);

  // IMAP LOGIN, POP3 USER/PASS. Kinds: done, failed, would_block.
  Step password(const Peer& peer, std::string_view login, std::string_view password, Ask ask);
  // RFC 1939 APOP: banner is the timestamp with its < >, digest 32 hex digits.
  Step apop(const Peer& peer, std::string_view login, std::string_view banner, std::string_view digest,
            Ask ask);

  // Of those who have logged in: may they still be here?
  Standing& standing() const;

  directory::Directory& directory() const;
  const Settings& settings() const;
  // Forgets verified passwords.
  void flush();

 private:
  explicit Authenticator(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;  // shared with the exchanges that run
};

}  // namespace waxwing::auth
