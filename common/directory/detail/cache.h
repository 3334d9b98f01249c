// A cache with a size, two lifetimes and single flight. Thread-safe; V is cheap to copy (a shared_ptr).
//
// Until fresh_until an answer is believed. From then until stale_until it is kept for the case that nobody
// can be asked. The least recently used entries go when a shard is full.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "common/base/result.h"
#include "common/base/strings.h"

namespace waxwing::directory {

template <class V, class Hash = CaseBlindHash, class Equal = CaseBlindEqual>
class Cache {
 public:
  struct Found {
    Result<V> answer;
    std::int64_t born_ms = 0;
    std::int64_t fresh_until_ms = 0;
    std::int64_t stale_until_ms = 0;
    // For somebody who believes nothing older than this.
    bool is_fresh(std::int64_t now_ms, std::int64_t believed_seconds) const {
      return now_ms < fresh_until_ms && now_ms < born_ms + believed_seconds * 1000;
    }
  };

  explicit Cache(std::size_t capacity) : per_shard_(capacity / kShards + 1) {}

  std::optional<Found> find(std::string_view key) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.index.find(key);
    if (at == shard.index.end()) return std::nullopt;
    shard.order.splice(shard.order.begin(), shard.order, at->second);
    return at->second->found;
  }

  void store(std::string_view key, Found found) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    if (const auto at = shard.index.find(key); at != shard.index.end()) {
      at->second->found = std::move(found);
      shard.order.splice(shard.order.begin(), shard.order, at->second);
      return;
    }
    shard.order.push_front(Item{std::string(key), std::move(found)});
    shard.index.emplace(std::string_view(shard.order.front().key), shard.order.begin());
    if (shard.order.size() > per_shard_) {
      shard.index.erase(std::string_view(shard.order.back().key));
      shard.order.pop_back();
    }
  }

  // Takes away the freshness of an answer that was stored before born_before_ms.
  bool expire(std::string_view key, std::int64_t born_before_ms) {
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.index.find(key);
    if (at == shard.index.end() || at->second->found.born_ms >= born_before_ms) return false;
    at->second->found.fresh_until_ms = 0;
    return true;
  }

  void clear() {
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      shard.index.clear();
      shard.order.clear();
    }
  }

  std::size_t size() {
    std::size_t total = 0;
    for (Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      total += shard.order.size();
    }
    return total;
  }

  // Runs fetch() once for all who ask for key at the same moment; shared is set for those who waited.
  template <class F>
  Result<V> fly(std::string_view key, bool& shared, F fetch) {
    std::shared_ptr<Flight> flight;
    {
      const std::lock_guard lock(flights_mutex_);
      auto& slot = flights_[std::string(key)];
      shared = slot != nullptr;
      if (!slot) slot = std::make_shared<Flight>();
      flight = slot;
    }
    if (shared) {
      std::unique_lock lock(flight->mutex);
      flight->landed.wait(lock, [&] { return flight->answer.has_value(); });
      return *flight->answer;
    }
    Result<V> answer = bug("directory: a lookup ended without an answer");
    try {
      answer = fetch();
    } catch (const std::exception& problem) {
      answer = bug(std::string("directory: ") + problem.what());
    }
    {
      const std::lock_guard lock(flights_mutex_);
      flights_.erase(std::string(key));
    }
    const std::lock_guard lock(flight->mutex);
    flight->answer = answer;
    flight->landed.notify_all();
    return answer;
  }

 private:
  static constexpr std::size_t kShards = 16;
  struct Item {
    std::string key;
    Found found;
  };
  struct Shard {
    std::mutex mutex;
    std::list<Item> order;  // most recently used first; its strings are what the index's keys point to
    std::unordered_map<std::string_view, typename std::list<Item>::iterator, Hash, Equal> index;
  };
  struct Flight {
    std::mutex mutex;
    std::condition_variable landed;
    std::optional<Result<V>> answer;
  };
  Shard& shard_of(std::string_view key) { return shards_[(Hash{}(key) >> 7) % kShards]; }

  std::size_t per_shard_;
  std::array<Shard, kShards> shards_;
  std::mutex flights_mutex_;
  std::unordered_map<std::string, std::shared_ptr<Flight>, Hash, Equal> flights_;
};

}  // namespace waxwing::directory
