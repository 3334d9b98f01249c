// Pool: connections to several servers, in order of preference.
//
// A server that fails is left alone for a while: retry_min_ms, doubled with each failure, up to
// retry_max_ms; then one thread tries it while the others still go elsewhere. Connections that grow old are
// closed, so that work moves back to the preferred server after it returned.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/directory/detail/connection.h"

namespace waxwing::directory {

// True for the error of a call that found no server to answer.
bool is_unreachable(const Error& error);

class Pool {
 public:
  explicit Pool(const Settings& settings);

  // Blocks. Errors: is_unreachable() ones are temporary; a refused bind is one of them (a mended password
  // mends it); a refused search is temporary, too many entries is permanent.
  Result<Entries> search(const SearchRequest& request);
  // The same in pages, all from one server: visit sees each page and must not ask the pool for anything.
  Result<> search_pages(const SearchRequest& request, const std::function<Result<>(const Entries&)>& visit);
  // As Directory::verify_bind.
  Result<bool> verify_bind(const std::string& dn, const std::string& password);

  // No server may be tried at this moment: a call would fail at once.
  bool is_down();

  struct Counters {
    std::uint64_t searches = 0, failures = 0, connects = 0;
  };
  Counters counters();

 private:
  struct Server {
    std::string url;
    int failures = 0;
    std::int64_t retry_at_ms = 0;
    bool probing = false;
    std::string why;
  };
  struct Lease {
    std::unique_ptr<Connection> connection;
    std::size_t server = 0;
    bool fresh = false;
  };

  bool may_try(const Server& server, std::int64_t now) const;
  Result<Lease> acquire(std::int64_t deadline_ms);
  bool take_idle(Lease& lease, std::int64_t now);
  void release(Lease lease);
  void drop(Lease lease);  // closes it and gives back its place
  void failed(std::size_t server, const std::string& why, std::int64_t took_ms);
  void worked(std::size_t server);
  std::unexpected<Error> unreachable();

  const Settings settings_;
  std::mutex mutex_;
  std::condition_variable place_free_;
  std::vector<Server> servers_;
  std::vector<Lease> idle_;  // most recently used last
  std::size_t open_ = 0;     // idle and leased
  Counters counters_;
};

}  // namespace waxwing::directory
