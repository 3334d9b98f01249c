// Standing: may those who have logged in still be here? A session may last for days.
//
// check() never waits: it answers by what the directory's cache knows of the user, however old that is, and has it
// refreshed behind the answer when it is older than directory.logintime. Whoever was made inactive, deleted or denied
// the service is so refused at the first check() after the refreshed entry has come. While the directory cannot say,
// everybody stays. One search a user at a time, kMostAtOnce of all: logins keep connections of their own even when
// the directory hangs. Thread-safe.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>

#include "common/auth/access.h"
#include "common/net/workers.h"

namespace waxwing::auth {

class Standing {
 public:
  static constexpr unsigned kMostAtOnce = 2;

  explicit Standing(std::shared_ptr<directory::Directory> directory);
  ~Standing();  // waits for the searches under way

  struct Answer {
    AccessVerdict verdict;
    bool fresh = true;  // false: a refreshed entry is on its way, or cannot be had
  };
  // dn, name: of the user's entry at his login, and in the store.
  Answer check(const std::string& dn, const std::string& name, const Peer& peer);

 private:
  void refresh(const std::string& dn);

  const std::shared_ptr<directory::Directory> directory_;
  std::mutex mutex_;
  std::unordered_set<std::string> awaited_;  // DNs whose search is to come or under way
  std::atomic<bool> ending_{false};
  WorkerPool searchers_{kMostAtOnce};  // last: its threads use the rest
};

}  // namespace waxwing::auth
