// What run_daemon does, step by step, and what a Daemon has inside.
#pragma once

#include <event2/event.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/current.h"
#include "common/base/file.h"
#include "common/base/record.h"
#include "common/daemon/daemon.h"
#include "common/net/seqpacket.h"

namespace waxwing {

struct Daemon::Inner {
  DaemonOptions options;
  Current<Config> config;
  std::shared_ptr<const Config> begun_with;  // what options that want a restart are in force by
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::vector<std::thread> threads;
  std::unique_ptr<WorkerPool> workers;
  std::vector<std::function<void()>> reload_handlers, stop_handlers;
  std::vector<::event*> signals;
  std::atomic<std::size_t> next_loop{0};
  std::atomic<std::size_t> sessions{0};
  std::atomic<bool> stopping{false};
  int status = 0;  // to exit with, where start() has not failed
  std::unique_ptr<EventLoop::Timer> deadline;
  // Main loop's thread only:
  // While start() runs or a reload; when its last copy goes, the daemon is ready, the reload is done.
  std::shared_ptr<void> unready;
  PacketSocket* watcher = nullptr;  // while it is connected
  std::optional<Record> unsaid;     // the last reload, when watcher was not there to hear of it
  std::string reload_troubles;      // of the reload under way
  UniqueFd lock;                    // of DaemonOptions::only_one
};

struct DaemonFrame {
  using Start = std::function<Result<>(Daemon&)>;

  // Neither is ever destroyed: they outlive every thread.
  static DaemonFrame& create(std::string name, DaemonOptions options, std::shared_ptr<const Config> config);
  // Before anything of queue or store is opened. name: of the program.
  Result<> take_place(const char* name);
  // Runs the main loop until the daemon has stopped, or start has failed.
  Result<> run(const Start& start);

  Daemon& daemon;
  Daemon::Inner& inner;

 private:
  void make_loops();
  Result<> begin(const Start& start);
  void start_threads();
  void tell_ready();
  void watch_signals();
  static void signalled(int number, short, void* self);
  void reload();
  void end_reload(const std::string& now, const std::string& later);
  void stop();
  Record word(const char* verb) const;
  void tell_reloaded(Record record);
  static Task<void> keep_in_touch(DaemonFrame& frame);
};

}  // namespace waxwing
