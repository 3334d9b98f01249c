// VerifiedCache: passwords that were right a moment ago, so that a slow hash is computed once.
//
// Holds no password: only a digest under a key that this process drew at its start. What is digested is the
// entry's DN, its stored values and the password, so that a changed userPassword ends every old digest.
#pragma once

#include <algorithm>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/auth/detail/crypto.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::auth {

class VerifiedCache {
 public:
  VerifiedCache(std::size_t entries, std::int64_t seconds)
      : entries_(entries), lifetime_ms_(seconds * 1000), key_(random_bytes(32)) {}

  std::string digest(std::string_view dn, const std::vector<std::string>& stored,
                     std::string_view password) const {
    std::string text = std::to_string(dn.size()) + ":" + std::string(dn);
    for (const auto& value : stored) text += std::to_string(value.size()) + ":" + value;
    text += "password:";
    text += password;
    return hmac(Digest::sha256, key_, text);
  }

  bool knows(const std::string& digest) {
    const std::lock_guard lock(mutex_);
    const auto at = index_.find(digest);
    if (at == index_.end()) return false;
    if (monotonic_ms() < at->second->until_ms) {
      order_.splice(order_.begin(), order_, at->second);
      return true;
    }
    order_.erase(at->second);
    index_.erase(at);
    return false;
  }

  // seconds: no longer than that, whatever the cache's own time is.
  void remember(const std::string& digest, std::int64_t seconds) {
    const std::lock_guard lock(mutex_);
    if (entries_ == 0 || index_.contains(digest)) return;
    order_.push_front({digest, monotonic_ms() + std::min(lifetime_ms_, seconds * 1000)});
    index_[digest] = order_.begin();
    if (order_.size() > entries_) {
      index_.erase(order_.back().digest);
      order_.pop_back();
    }
  }

  void clear() {
    const std::lock_guard lock(mutex_);
    index_.clear();
    order_.clear();
  }

 private:
  struct Item {
    std::string digest;
    std::int64_t until_ms;
  };
  const std::size_t entries_;
  const std::int64_t lifetime_ms_;
  const std::string key_;
  std::mutex mutex_;
  std::list<Item> order_;  // most recently used first
  std::unordered_map<std::string, std::list<Item>::iterator> index_;
};

}  // namespace waxwing::auth
