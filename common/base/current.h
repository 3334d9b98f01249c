// The newest of something that is made anew as a whole and never changed after that: settings, certificates.
// Who needs it takes a pointer and keeps that for as long as it works with it. Thread-safe.
#pragma once

#include <memory>
#include <mutex>

namespace waxwing {

template <class T>
class Current {
 public:
  std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void set(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_.swap(value);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const T> value_;
};

}  // namespace waxwing
