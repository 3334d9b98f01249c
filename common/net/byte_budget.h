// Memory that many share: who wants more of it than is free waits its turn.
//
//   auto share = co_await budget.take(bytes);   // given back when it is destroyed, on any thread
//
// First come, first served: a small wish does not pass a large one that waits. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>

#include "common/net/loop.h"
#include "common/net/task.h"

namespace waxwing {

class ByteBudget {
  struct Inner;

 public:
  explicit ByteBudget(std::uint64_t bytes);

  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept;
    Share& operator=(Share&& other) noexcept;
    ~Share() { give_back(); }
    std::uint64_t bytes() const { return bytes_; }

   private:
    friend class ByteBudget;
    void give_back();
    std::shared_ptr<Inner> inner_;
    std::uint64_t bytes_ = 0;
  };
  // More than there is at all counts as all of it. On a loop's thread; goes on there.
  Task<Share> take(std::uint64_t bytes);

 private:
  std::shared_ptr<Inner> inner_;
};

}  // namespace waxwing
