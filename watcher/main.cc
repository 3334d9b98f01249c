// watcher(8): starts the services of an instance, keeps them running, stops them. See man/watcher.8.
//
//   watcher [--instance DIR] [--foreground]
//
// The parent returns when run/watcher is being listened on; which services run is then asked for over that
// socket (start-msg, stop-msg). One watcher per instance: the lock is on run/watcher.pid.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "common/base/durable.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"
#include "watcher/control.h"
#include "watcher/detach.h"
#include "watcher/signals.h"
#include "watcher/supervisor.h"

namespace waxwing {
namespace {

struct Arguments {
  std::string instance;
  bool foreground = false;
};

Result<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--foreground") {
      arguments.foreground = true;
    } else if (word == "--instance" && i + 1 < argc) {
      arguments.instance = argv[++i];
    } else {
      return permanent("unknown argument '" + std::string(word) + "'; --help lists those there are");
    }
  }
  return arguments;
}

void raise_limits() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);  // a descriptor per session: as many as we may have
  }
}

Result<> run(const Arguments& arguments) {
  ::close_range(3, ~0U,
                0);  // what a caller left open (a pipe, make's job server) must not live as long as we do
  TRY(const std::string root, find_instance(arguments.instance));
  TRY(auto config, Config::load(root));
  TRY_VOID(become_service_user(config->text("local.serveruid")));
  TRY_VOID(make_directories(config->path_of("run")));
  TRY_VOID(make_directories(config->path_of("log")));
  open_log(*config, "watcher");
  Detach detach;
  if (!arguments.foreground) TRY_VOID(detach.begin());
  TRY(const UniqueFd lock, lock_pid_file(config->path_of("run/watcher.pid")));
  // Before any service: after a power cut this replays, and whoever needs queue or store waits for it.
  ::umask(077);
  TRY_VOID(open_instance_journal(*config));
  TRY(UniqueFd listener, listen_unix(config->path_of("run/watcher")));
  raise_limits();

  EventLoop loop;
  Supervisor supervisor(loop, config, own_directory());
  Control control(loop, supervisor);
  control.serve(std::move(listener));
  const WatcherSignals signals(loop, supervisor, control);
  log::Event("watcher.ready").with("instance", root).with("pid", ::getpid()).notice();
  detach.finish();
  if (arguments.foreground)
    loop.post([&] {
      for (Service* service : supervisor.enabled()) supervisor.start(*service);
    });
  loop.run();
  ::unlink(config->path_of("run/watcher").c_str());
  ::unlink(config->path_of("run/watcher.pid").c_str());
  durable::leave_journal();
  log::Event("watcher.stopped").notice();
  return {};
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::puts(
        "usage: watcher [--instance DIR] [--foreground]\n"
        "Started by start-msg, or by the system with --foreground. See watcher(8).");
    return 0;
  }
  auto arguments = waxwing::parse(argc, argv);
  const auto result =
      arguments ? waxwing::run(*arguments) : waxwing::Result<>(std::unexpected(arguments.error()));
  std::fflush(nullptr);
  if (result) ::_exit(0);
  std::fprintf(stderr, "watcher: %s\n", result.error().text.c_str());
  ::_exit(1);
}
