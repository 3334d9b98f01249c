// watcher(8): starts the services of an instance, keeps them running, stops them. See man/watcher.8.
//
//   watcher [--instance DIR] [--foreground]
//   watcher --trial [--instance DIR]     could this program take the place of the watcher that runs?
//
// The parent returns when run/watcher is being listened on; which services run is then asked for over that
// socket (start-msg, stop-msg). One watcher per instance: the lock is on run/watcher.pid.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/version.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/open_log.h"
#include "common/log/log.h"
#include "watcher/arguments.h"
#include "watcher/control.h"
#include "watcher/detach.h"
#include "watcher/first_start.h"
#include "watcher/notify.h"
#include "watcher/place.h"
#include "watcher/removal.h"
#include "watcher/renewal.h"
#include "watcher/signals.h"
#include "watcher/supervisor.h"

namespace waxwing {
namespace {

void raise_limits() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);  // a descriptor per session: as many as we may have
  }
}

// The old program has ended in this one, and its terminal is gone: the log is the only one who hears.
void log_failed_resume(const Arguments& arguments, const Error& error) {
  const auto root = find_instance(arguments.instance);
  if (!root) return;
  if (const auto config = Config::load(*root)) {
    open_log(**config, "watcher");
  } else {
    log::Options options;
    options.directory = *root + "/log";
    options.program = "watcher";
    log::open(options);
  }
  log::Event("watcher.resume.failed")
      .with("why", error.text)
      .with("action", "the services go on without a watcher: start-msg gives them one")
      .critical();
}

Result<int> try_out(const Arguments& arguments) {
  TRY(const std::string root, find_instance(arguments.instance));
  TRY(const auto config, Config::load(root));
  const auto held = instance_journal_of_others(*config);
  if (held) std::fprintf(stderr, "watcher: %s\n", held->text.c_str());
  return held ? kOtherJournal : 0;
}

Result<> run(const Arguments& arguments) {
  // What a caller left open (a pipe, make's job server) must not live as long as we do.
  const auto& resume = arguments.resume;
  if (resume)
    close_all_but(resume->listener, resume->lock);
  else
    ::close_range(3, ~0U, 0);
  TRY(const std::string root, find_instance(arguments.instance));
  TRY(auto config, Config::load(root));
  Detach detach;
  JournalGate gate;
  TRY(auto place, take_place(arguments, *config, detach, gate));
  raise_limits();

  const auto manager = ServiceManager::from_environment();
  EventLoop loop;
  Supervisor supervisor(loop, config, program_directory());
  Control control(loop, supervisor, gate);
  std::vector<std::string> again{"--instance", root};
  if (arguments.foreground) again.emplace_back("--foreground");
  // Before anybody is heard: who asks for a service now must find it as it is.
  if (resume)
    for (const auto& [service, pid] : resume->services) supervisor.resume(service, pid);
  if (!resume) supervisor.adopt_living();
  control.serve(std::move(place.listener), place.lock.get(), std::move(again));
  WatcherSignals signals(loop, supervisor, control);
  const Removal removal(loop, root, place.lock.get(), [&signals] { signals.stop(); });
  log::Event(resume ? "watcher.renewed" : "watcher.ready")
      .with("instance", root)
      .with("pid", ::getpid())
      .with("version", build_text())
      .notice();
  if (!resume) warn_of_file_systems(*config);
  detach.finish();
  if (arguments.foreground && !resume)
    loop.post([&] { spawn(start_all(loop, supervisor, control, manager)); });
  loop.run();
  manager.tell("STOPPING=1");
  if (!removal.seen()) {
    ::unlink(config->path_of("run/watcher").c_str());
    ::unlink(config->path_of("run/watcher.pid").c_str());
  }
  durable::leave_journal();
  log::Event("watcher.stopped").notice();
  return {};
}

}  // namespace
}  // namespace waxwing

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::puts(
        "usage: watcher [--instance DIR] [--foreground | --trial] | --version\n"
        "Started by start-msg, or by the system with --foreground. See watcher(8).");
    return 0;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("watcher: %s %s\n", waxwing::kProduct.data(), waxwing::build_text().c_str());
    return 0;
  }
  auto arguments = waxwing::parse_arguments(argc, argv);
  waxwing::Result<int> result = 0;
  if (!arguments) {
    result = std::unexpected(arguments.error());
  } else if (arguments->trial) {
    result = waxwing::try_out(*arguments);
  } else if (const auto ran = waxwing::run(*arguments); !ran) {
    result = std::unexpected(ran.error());
    if (arguments->resume) waxwing::log_failed_resume(*arguments, ran.error());
  }
  std::fflush(nullptr);
  if (result) ::_exit(*result);
  std::fprintf(stderr, "watcher: %s\n", result.error().text.c_str());
  ::_exit(1);
}
