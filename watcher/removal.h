// An instance whose folder was removed while it runs: nobody could reach it any more to stop it, and what is
// made in its place would find its ports taken and its files used by strangers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "common/base/file.h"
#include "common/net/loop.h"

namespace waxwing {

class Removal {
 public:
  // Looks every second and calls then once: root itself is in no folder any more, or neither config/msg.conf
  // nor the file of which lock is a descriptor (run/watcher.pid) is in it.
  Removal(EventLoop& loop, std::string root, int lock, std::function<void()> then);
  bool seen() const { return seen_; }

 private:
  void look();
  std::string root_;
  UniqueFd folder_;  // another one of the name is not it
  int lock_;
  std::function<void()> then_;
  bool seen_ = false;
  std::unique_ptr<EventLoop::Timer> timer_;
};

}  // namespace waxwing
