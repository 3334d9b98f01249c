// Connection: one bound connection to one LDAP server. Used by one thread at a time; every call blocks for
// at most its time-out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/directory/directory.h"

struct ldap;

namespace waxwing::directory {

// What went wrong, sorted by what to do about it.
enum class Trouble {
  none,
  connection,   // this connection or server is of no use: try another
  credentials,  // the bind was refused
  limit,        // more entries than asked for
  request,      // the server understood and refuses: it would everywhere
};

struct SearchRequest {
  std::string base;
  int scope = 2;  // LDAP_SCOPE_SUBTREE
  std::string filter;
  std::vector<std::string> attributes;  // empty: all user attributes
  std::size_t max_entries = 0;          // 0: no limit
  bool some = false;                    // max_entries of them are enough: more are no error
};

class Connection {
 public:
  // Connects and binds. An empty dn binds anonymously. On failure null, and why and trouble say more.
  static std::unique_ptr<Connection> open(const std::string& url, const std::string& dn,
                                          const std::string& password, const Settings& settings,
                                          std::int64_t timeout_ms, Trouble& trouble, std::string& why);
  ~Connection();

  // A missing base gives no entries. Entries found before a limit was hit are not answered.
  Trouble search(const SearchRequest& request, std::int64_t timeout_ms, Entries& entries, std::string& why);

  // One page of at most page_entries (RFC 2696). cookie: empty for the first page; empty again after the last. A server
  // that knows no pages answers everything at once.
  Trouble search_page(const SearchRequest& request, std::int64_t timeout_ms, int page_entries,
                      std::string& cookie, Entries& entries, std::string& why);

  std::int64_t born_ms() const { return born_ms_; }
  // The handle, which is the caller's from now on; this object must only be destroyed.
  ::ldap* release();

 private:
  explicit Connection(::ldap* handle);
  ::ldap* handle_;
  std::int64_t born_ms_;
};

// Connection::search on a bare handle.
Trouble search_with(::ldap* handle, const SearchRequest& request, std::int64_t timeout_ms, Entries& entries,
                    std::string& why);

}  // namespace waxwing::directory
