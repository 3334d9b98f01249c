// What services have started: workers of the dispatcher, channel programs of the job controller. They give signs of
// life like the services do, and one that hangs is killed; who has started it sees that and starts another. When
// its service is stopped it may finish what it has begun, which can take long (a next host that does not answer):
// stopping waits for it, and ends it when the time is over. Lives on watcher's loop.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/loop.h"
#include "watcher/process.h"

namespace waxwing {

struct Helper {
  std::string name;     // of its program
  std::string service;  // that starts such programs
  Process process;
  std::int64_t last_sign_ms = 0;  // monotonic
  bool mute = false;              // it ends, or has been killed: no more signs are to come
};

class Helpers {
 public:
  // Those that an earlier watcher has left running are known at once, hanging ones too.
  Helpers(EventLoop& loop, std::string root);

  // A sign of life of a process that is no service; ignored unless it is a helper of this instance.
  void on_alive(pid_t pid);
  void on_stopping(pid_t pid);  // it ends, and has its own limit for that
  // Kills those that were silent for so long; 0 never. Forgets what has ended.
  void check(std::int64_t silence_ms);
  const std::vector<std::shared_ptr<Helper>>& all() const { return helpers_; }

  // Ends those of the services named: each is asked to, and killed when it is still there after so long. tell(state,
  // helper): finishing, killed, stopped.
  using Tell = std::function<void(std::string_view state, const Helper&)>;
  Task<void> end(std::vector<std::string_view> services, std::int64_t timeout_ms, Tell tell);

 private:
  void look();
  std::shared_ptr<Helper> find(pid_t pid) const;
  std::shared_ptr<Helper> admit(pid_t pid);

  EventLoop& loop_;
  std::string root_;
  std::vector<std::shared_ptr<Helper>> helpers_;
};

// "tcp_smtp_client (pid 2464)" for each that runs in the instance.
std::vector<std::string> running_helpers(const std::string& root);

}  // namespace waxwing
