// One POP3 session per maildrop (RFC 1939 §4): popd is one process, so a set of names is the lock.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

namespace waxwing::pop {

// Thread-safe.
class MaildropLocks {
 public:
  // Gives the maildrop back when it is destroyed; the locks must outlive it.
  class Held {
   public:
    Held(MaildropLocks& locks, std::string user) : locks_(&locks), user_(std::move(user)) {}
    Held(Held&& other) noexcept
        : locks_(std::exchange(other.locks_, nullptr)), user_(std::move(other.user_)) {}
    Held& operator=(Held&& other) noexcept {
      std::swap(locks_, other.locks_);
      std::swap(user_, other.user_);
      return *this;
    }
    ~Held() {
      if (locks_ != nullptr) locks_->release(user_);
    }

   private:
    MaildropLocks* locks_;
    std::string user_;
  };

  // Nothing when another session has it.
  std::optional<Held> take(const std::string& user) {
    const std::lock_guard lock(mutex_);
    if (!users_.insert(user).second) return std::nullopt;
    return Held(*this, user);
  }

 private:
  void release(const std::string& user) {
    const std::lock_guard lock(mutex_);
    users_.erase(user);
  }
  std::mutex mutex_;
  std::unordered_set<std::string> users_;
};

}  // namespace waxwing::pop
