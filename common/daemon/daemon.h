// The frame every daemon stands in: arguments, configuration, log, loops, signals, the word to watcher.
//
//   Result<> start(Daemon& daemon) { ...listen, serve...; return {}; }
//   int main(int argc, char** argv) { return run_daemon(argc, argv, "popd", {}, start); }
//
// A daemon that root starts by hand becomes the user of local.serveruid first, as under watcher.
// Arguments: --instance DIR; --as NAME names this process in logs and towards watcher; daemons always stay in
// the foreground (watcher starts them). start runs on the main loop's thread; after it the daemon is ready,
// unless it asked for more time (not_ready_yet).
// Signals: TERM/INT run the stop handlers and end when the last session is gone or the grace time (10 s) is
// over; HUP reloads msg.conf, TLS files and runs the reload handlers. Readiness ("ready"), life signs
// ("alive", every 2 s) and what became of a reload ("reloaded") go to run/watcher when it is there.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/net/loop.h"
#include "common/net/workers.h"

namespace waxwing {

struct DaemonOptions {
  std::size_t loops = 0;  // 0: option daemon.loops
  std::int64_t grace_ms = 10000;
  bool only_one = false;  // a second process in the same instance gives up
};

class Daemon {
 public:
  const std::string& name() const { return name_; }
  std::shared_ptr<const Config> config() const;  // the newest; thread-safe
  // Loops: loop(0) is the main thread's; the others have a thread each. Their number is that of
  // DaemonOptions, else the option daemon.loops, else the number of cores.
  EventLoop& loop(std::size_t index = 0);
  std::size_t loops() const;
  EventLoop& next_loop();  // round robin, for new sessions; thread-safe
  WorkerPool& workers();   // size: daemon.workers

  void on_reload(std::function<void()> handler);  // main loop thread
  // For reload handlers: what could not be taken, with the reason. Logged by the handler itself; this tells
  // watcher, and so the person who asked.
  void reload_refused(const std::string& why);
  void on_stop(std::function<void()> handler);  // main loop thread; stop listening, wake sessions
  bool stopping() const;                        // thread-safe
  // As TERM does: for a program that has come to its end. status: what it exits with. Main loop thread.
  void end(int status = 0);
  // Sessions: the daemon ends after stop when every guard is gone.
  class SessionGuard;
  struct SessionRelease {
    void operator()(SessionGuard* guard) const;
  };
  using SessionHandle = std::unique_ptr<SessionGuard, SessionRelease>;
  SessionHandle session();  // thread-safe

  // From start(): readiness is told only when what this answers is gone, e.g. when a worker process serves.
  // Main loop thread.
  std::shared_ptr<void> not_ready_yet();

  struct Inner;
  explicit Daemon(std::string name);
  ~Daemon();

 private:
  friend int run_daemon(int, char**, const char*, DaemonOptions, std::function<Result<>(Daemon&)>);
  friend struct DaemonFrame;
  std::string name_;
  std::unique_ptr<Inner> inner_;
};

int run_daemon(int argc, char** argv, const char* name, DaemonOptions options,
               std::function<Result<>(Daemon&)> start);

}  // namespace waxwing
