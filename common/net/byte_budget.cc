#include "common/net/byte_budget.h"

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

namespace waxwing {

struct ByteBudget::Inner {
  struct Waiting {
    Waiting(EventLoop& of, std::uint64_t wanted) : loop(of), granted(of), bytes(wanted) {}
    EventLoop& loop;
    Signal granted;  // touched on the loop's thread only
    std::uint64_t bytes;
  };
  explicit Inner(std::uint64_t bytes) : all(bytes), free(bytes) {}

  const std::uint64_t all;
  std::mutex mutex;
  std::uint64_t free;
  std::deque<std::shared_ptr<Waiting>> waiting;
};

ByteBudget::ByteBudget(std::uint64_t bytes) : inner_(std::make_shared<Inner>(bytes)) {}

ByteBudget::Share::Share(Share&& other) noexcept
    : inner_(std::move(other.inner_)), bytes_(std::exchange(other.bytes_, 0)) {}

ByteBudget::Share& ByteBudget::Share::operator=(Share&& other) noexcept {
  give_back();
  inner_ = std::move(other.inner_);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void ByteBudget::Share::give_back() {
  const auto inner = std::exchange(inner_, nullptr);
  if (!inner) return;
  const std::lock_guard lock(inner->mutex);
  inner->free += std::exchange(bytes_, 0);
  while (!inner->waiting.empty() && inner->waiting.front()->bytes <= inner->free) {
    const auto next = std::move(inner->waiting.front());
    inner->waiting.pop_front();
    inner->free -= next->bytes;
    next->loop.post([next] { next->granted.notify_all(); });
  }
}

Task<ByteBudget::Share> ByteBudget::take(std::uint64_t bytes) {
  const auto inner = inner_;  // this may be gone when it goes on
  Share share;
  share.bytes_ = std::min(bytes, inner->all);
  std::shared_ptr<Inner::Waiting> place;
  {
    const std::lock_guard lock(inner->mutex);
    if (inner->waiting.empty() && share.bytes_ <= inner->free) {
      inner->free -= share.bytes_;
    } else {
      place = std::make_shared<Inner::Waiting>(*EventLoop::current(), share.bytes_);
      inner->waiting.push_back(place);
    }
  }
  // The word comes by way of this loop, so not before it waits.
  if (place) co_await place->granted.wait();
  share.inner_ = inner;
  co_return share;
}

}  // namespace waxwing
