// Directory: what LDAP knows about users, groups and domains, through a cache.
//
// One Directory serves a whole process; every function is thread-safe. Each lookup takes an Ask:
//   Ask::cache_only  never blocks, never touches the network. A miss is a temporary error for which
//                    is_would_block() is true: repeat the same call on a worker with Ask::may_block.
//   Ask::may_block   asks the directory on a miss; for worker threads and tools only. Blocks at most
//                    search_timeout_ms plus connect_timeout_ms per server.
// A hit costs well under 2 microseconds and copies nothing but a shared_ptr.
//
// Answers: a null pointer (Match::none()) means the directory was asked and has no such entry; it is
// cached too. A temporary error means nobody could be asked and no old answer is there: answer "try
// again", never "no such user". While the directory is down, answers older than the cache lifetime are
// given for up to stale_seconds, without a delay once the failure is known. A malformed entry, or two
// entries where one must be, is a temporary error that names DN and attribute: an operator can mend it.
// Equal lookups that miss at the same moment share one search.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/directory/attribute_names.h"
#include "common/directory/types.h"

namespace waxwing {
class Config;
}

namespace waxwing::directory {

enum class Ask { cache_only, may_block };

// True for the error of a cache_only call that would have had to wait.
bool is_would_block(const Error& error);

struct Settings {
  std::vector<std::string> urls;  // ldap://host:port, ldaps://..., ldapi://%2Fpath; first is preferred
  std::string bind_dn;            // empty: anonymous
  std::string bind_password;
  std::string base_dn;                 // search base of the organization tree ("o=isp")
  std::string default_domain;          // of a login without a domain
  std::string login_separators = "@";  // any of these splits user and domain of a login
  int schema = 2;                      // 1: domains are found in the DC tree below dc_root
  bool dc_tree_first = false;  // Schema 2 in compatibility mode: there first, then in the organization tree
  std::string dc_root = "o=internet";
  std::string user_filter = "(&(objectClass=inetMailUser)(uid=%U))";  // see fill_filter()
  std::vector<std::string> extra_attributes;  // asked for besides the known ones; land in entry
  std::string schema_tags =
      "ims50";           // object classes of entries that take mail: ims50, sims40, nms41, or several
  AttributeNames names;  // what the attributes are called here
  // Where an address is looked for, one after the other until something is found; empty: the entries below the
  // domain's base DN that have it. See address_url.h.
  std::vector<std::string> alias_urls;
  // DOMAIN_UPLEVEL: 1: an address in a sub-domain of a domain is looked for below that domain, too; 2: also under its name.
  unsigned domain_uplevel = 0;
  std::string domain_match_url;  // for domains without an entry: vanity domains. Empty: there are none
  bool start_tls = false;
  std::string tls_ca_file;  // empty: the system's
  bool tls_verify = true;
  std::int64_t connect_timeout_ms = 5000;
  std::int64_t search_timeout_ms = 10000;
  std::size_t connections = 8;                // at most, all servers together
  std::int64_t connection_age_seconds = 300;  // then closed and opened again, on the preferred server
  std::int64_t retry_min_ms = 250;            // first pause after a server failed; doubles up to
  std::int64_t retry_max_ms = 5000;
  std::size_t cache_entries = 100000;
  std::int64_t cache_seconds = 900;
  // The same for entries found by login: what was changed (a password, a status, a right to a service) holds
  // for logins no later than this.
  std::int64_t login_seconds = 60;
  std::int64_t negative_seconds = 60;
  std::int64_t stale_seconds = 7 * 86400;

  // From the directory.* options.
  static Result<Settings> from(const Config& config);
};

// Why an address belongs to an entry. equivalent: routes the same, but headers are not rewritten to mail.
enum class MatchedBy { nothing, mail, alternate, equivalent, dn };

struct Match {
  DomainRef domain;  // the address's domain; null: not one of ours (by_dn: the entry's, may be null)
  UserRef user;      // at most one of user, group is set
  GroupRef group;
  // An entry found by DN that is neither user nor group but has mail (a contact): its address.
  std::string contact_mail;
  MatchedBy matched_by = MatchedBy::nothing;
  bool found() const { return user || group || !contact_mail.empty(); }
};
using MatchRef = std::shared_ptr<const Match>;  // never null in an answer
using Entries = std::vector<Entry>;
using EntriesRef = std::shared_ptr<const Entries>;

struct Counters {
  std::uint64_t hits = 0, misses = 0, shared = 0;  // shared: waited for another's equal search
  std::uint64_t searches = 0, failures = 0, stale = 0, connects = 0;
  std::size_t cached = 0;
};

class Directory {
 public:
  // Never connects: a process starts while the directory is down. Permanent error for bad settings.
  static Result<std::shared_ptr<Directory>> open(Settings settings);
  static Result<std::shared_ptr<Directory>> open(const Config& config);  // as the directory.* options say
  ~Directory();

  // "joe" (default domain), "joe@example.com", or any of login_separators. The domain may be an alias.
  // Null: no such user, or no such domain. The domain may be in any script, here and in by_address(): the directory has
  // its A-labels.
  Result<UserRef> user_by_login(std::string_view login, Ask ask);

  // The same user for any other purpose: believed for cache_seconds.
  Result<UserRef> user_by_name(std::string_view login, Ask ask);

  // Who has logged in, by the DN his entry had then; believed as long as user_by_login's answers, which are kept here,
  // too. Null: there is no such user any more.
  Result<UserRef> user_by_dn(std::string_view dn, Ask ask);
  // What user_by_dn would answer from the cache, however old. Never blocks.
  struct KnownUser {
    bool known = false;
    bool fresh = false;  // user_by_dn would not ask
    UserRef user;
  };
  KnownUser known_user(std::string_view dn);

  // After a wrong password: an answer older than 10 seconds is believed no longer, so that a password that
  // was changed, or a user who was made, a moment ago is found by the next lookup. True when there was one.
  bool expire_user(std::string_view login);

  // local@domain, without <> and without source route, unquoted as in the directory. For a domain alias
  // the address in the canonical domain matches too. mail wins over mailAlternateAddress, this over
  // mailEquivalentAddress. A catch-all is asked for by "@domain" (mailAlternateAddress: @domain), or see
  // Domain::catchall_address. An address without domain belongs to the default domain.
  Result<MatchRef> by_address(std::string_view address, Ask ask);

  // The entries that an address URL finds for this address (REVERSE_URL). No entries, too, where the URL is about a
  // domain's base DN and the address is in no domain of ours.
  Result<EntriesRef> search_for(std::string_view address_url, std::string_view address, Ask ask);

  // A member of a group, a DN in an access list. found() is false: no such entry.
  Result<MatchRef> by_dn(std::string_view dn, Ask ask);

  // A hosted domain by canonical name or alias. Null: not ours.
  Result<DomainRef> domain(std::string_view name, Ask ask);

  // RFC 4516: ldap:///base?attributes?scope?filter; host parts are ignored, the pool is used. An empty
  // base is base_dn. At most max_entries, else a permanent error. userPassword is never answered.
  Result<EntriesRef> search(std::string_view ldap_url, Ask ask, std::size_t max_entries = 10000);

  // The mail of every entry that such a URL finds, one a line, however many there are: asked for in pages (RFC 2696),
  // nothing else of the entries is kept and nothing is cached. Blocks. Permanent error beyond 64 MiB.
  Result<std::string> search_addresses(std::string_view ldap_url);

  // Simple bind as dn on a connection of its own; blocks. false: wrong password (or no such DN); a
  // temporary error when no server could say. An empty password is false without asking (RFC 4513 §5.1.2
  // would make it an anonymous bind that succeeds).
  Result<bool> verify_bind(const std::string& dn, const std::string& password);

  // Forgets everything cached (imsimta reload, imsimta cache, tests).
  void flush();
  const Settings& settings() const;
  Counters counters() const;

 private:
  struct Inner;
  explicit Directory(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace waxwing::directory
