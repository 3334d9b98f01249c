// The sessions of a server: its ports, who is there, and how each session begins and ends.
//
//   sessions.listen("127.0.0.1, ::1", 143, [this](EventLoop& loop, UniqueFd socket) { … });
//   Task<void> serve(…) {                       // one coroutine a connection, on the loop it was given
//     auto place = sessions.place(limit);       // empty: say so and go
//     Session session(…);
//     co_await sessions.run(loop, session, std::move(place));
//   }
//
// A session is touched on its own loop only.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/file.h"
#include "common/daemon/daemon.h"
#include "common/net/listener.h"
#include "common/net/task.h"

namespace waxwing {

class ServerSession {
 public:
  virtual ~ServerSession() = default;
  // From the greeting to the last answer. An exception ends the session and is logged.
  virtual Task<void> run() = 0;
  // The server stops: say goodbye as soon as nothing is half done. May come before run(), and twice.
  virtual void stop() = 0;
  // After run(), when the session is counted no more: ends the connection.
  virtual void close() = 0;
  virtual const std::string& id() const = 0;
};

class Sessions {
 public:
  using Serve = std::function<Task<void>(EventLoop&, UniqueFd)>;
  struct Leave {
    void operator()(std::atomic<std::size_t>* count) const { count->fetch_sub(1); }
  };
  using Place = std::unique_ptr<std::atomic<std::size_t>, Leave>;

  // service begins the names of its log events. Main loop thread, in the daemon's start.
  Sessions(Daemon& daemon, std::string service);

  // Binds the port at each of the addresses (numeric, with commas between) and serves what comes on the
  // daemon's loops in turn. Port 0: nothing. Main loop thread. The error says which address and why.
  Result<> listen(const std::string& addresses, std::int64_t port, const Serve& serve);
  const std::string& service() const { return service_; }
  bool listening() const { return !listeners_.empty(); }

  // One of limit places; empty when there is none left. Any thread.
  Place place(std::size_t limit);
  // Runs a session to its end. Its place is free before its client can see that it has gone.
  Task<void> run(EventLoop& loop, ServerSession& session, Place place = {});

  // Main loop thread: closes the ports and tells every session, also those that are about to begin.
  void stop();
  bool stopping() const { return stopping_; }  // any thread

 private:
  Daemon& daemon_;
  const std::string service_;
  std::vector<std::unique_ptr<Listener>> listeners_;
  // By loop; each set is touched on its loop's thread only.
  std::unordered_map<EventLoop*, std::unordered_set<ServerSession*>> sessions_;
  std::atomic<std::size_t> places_taken_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace waxwing
