#include "common/auth/standing.h"

#include <exception>

namespace waxwing::auth {

namespace {
// While the directory hangs, searches heap up. Whoever is beyond these is looked at after his next command.
constexpr std::size_t kMostAwaited = 10'000;
}  // namespace

Standing::Standing(std::shared_ptr<directory::Directory> directory) : directory_(std::move(directory)) {}

Standing::~Standing() {
  ending_ = true;
}

Standing::Answer Standing::check(const std::string& dn, const std::string& name, const Peer& peer) {
  const auto known = directory_->known_user(dn);
  if (!known.fresh) refresh(dn);
  Answer answer{.verdict = {}, .fresh = known.fresh};
  if (!known.known) return answer;
  answer.verdict = known.user ? check_access(*known.user, peer)
                              : AccessVerdict{false, Failure{Reason::status, "This account is not active.",
                                                             name + ": there is no such user any more"}};
  return answer;
}

void Standing::refresh(const std::string& dn) {
  {
    const std::lock_guard lock(mutex_);
    if (awaited_.size() >= kMostAwaited || !awaited_.insert(dn).second) return;
  }
  const auto search = [this, dn] {
    // What it finds is in the cache; what failed is counted there, and tried again after the next command.
    if (!ending_) (void)directory_->user_by_dn(dn, Ask::may_block);
    const std::lock_guard lock(mutex_);
    awaited_.erase(dn);
  };
  try {
    searchers_.submit(search);
  } catch (const std::exception&) {  // no thread is to be had: after the next command, then
    const std::lock_guard lock(mutex_);
    awaited_.erase(dn);
  }
}

}  // namespace waxwing::auth
