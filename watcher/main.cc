// watcher(8): starts the services of an instance, keeps them running, stops them. See man/watcher.8.
//
//   watcher [--instance DIR] [--foreground]
//   watcher --trial [--instance DIR]     could this program take the place of the watcher that runs?
//
// The parent returns when run/watcher is being listened on; which services run is then asked for over that
// socket (start-msg, stop-msg). One watcher per instance: the lock is on run/watcher.pid.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <optional>
#include <string>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/space.h"
#include "common/base/version.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"
#include "watcher/control.h"
#include "watcher/detach.h"
#include "watcher/helpers.h"
#include "watcher/instance_processes.h"
#include "watcher/journal_gate.h"
#include "watcher/notify.h"
#include "watcher/ownership.h"
#include "watcher/removal.h"
#include "watcher/renewal.h"
#include "watcher/signals.h"
#include "watcher/supervisor.h"

namespace waxwing {
namespace {

constexpr std::int64_t kRoomMs = 2'000;

struct Arguments {
  std::string instance;
  bool foreground = false, trial = false;
  std::optional<Inheritance> resume;  // we are the same process with a new program
};

Result<Arguments> parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--foreground") {
      arguments.foreground = true;
    } else if (word == "--trial") {
      arguments.trial = true;
    } else if (word == "--instance" && i + 1 < argc) {
      arguments.instance = argv[++i];
    } else if (word == "--resume" && i + 1 < argc) {
      arguments.resume = Inheritance::parse(argv[++i]);
      if (!arguments.resume) return permanent("--resume is for watcher itself");
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

// Starts every enabled service and tells the service manager when each runs, or has failed once and is tried
// again.
Task<void> start_all(EventLoop& loop, Supervisor& supervisor, Control& control,
                     const ServiceManager& manager) {
  const Control::Tell nobody = [](const Record&) {};
  for (;;) {
    auto tell = nobody;
    const auto free = co_await control.make_way(true, std::move(tell));
    if (free) break;
    manager.tell("READY=1\nSTATUS=nothing is started: " + free.error().text);
    if (!is_no_space(free.error())) co_return;
    co_await loop.sleep(kRoomMs);  // somebody may have made room
  }
  const auto services = supervisor.enabled();
  for (Service* service : services) supervisor.start(*service);
  const auto failed = [](const Service* s) { return s->deaths > 0; };
  // One that waits when another has failed waits for that one.
  const auto on_its_way = [&](const Service* s) {
    if (s->state == ServiceState::waiting) return std::ranges::none_of(services, failed);
    return s->state == ServiceState::starting && !failed(s);
  };
  while (std::ranges::any_of(services, on_its_way)) co_await supervisor.changed().wait(1000);
  std::string troubles;
  for (const Service* service : services)
    if (service->state != ServiceState::running)
      troubles += (troubles.empty() ? "" : ", ") + std::string(service->spec->name);
  manager.tell("READY=1\nSTATUS=" + (troubles.empty()
                                         ? "all services run"
                                         : "not running: " + troubles + "; see start-msg --status"));
}

// What one watcher an instance holds.
struct Place {
  UniqueFd lock, listener;
};

// Before any service: after a power cut this replays, and whoever needs queue or store waits for it. What runs
// already is taken over without it.
Result<> open_journal(const Arguments& arguments, const Config& config, JournalGate& gate) {
  const auto opened = gate.open(config);
  if (opened) return {};
  log::Event("watcher.journal.closed").with("why", opened.error().text).error();
  const bool some_run =
      arguments.resume || !running_services(config.root()).empty() || !running_helpers(config.root()).empty();
  // Who ended for want of room would be started again and again by whoever looks after him, and in the end no more.
  return some_run || is_no_space(opened.error()) ? Result<>{} : opened;
}

Result<Place> take_place(const Arguments& arguments, const Config& config, Detach& detach,
                         JournalGate& gate) {
  const auto& resume = arguments.resume;
  TRY_VOID(become_service_user(config.text("local.serveruid"), config.root()));
  if (!resume) TRY_VOID(services_own(config.root()));
  TRY_VOID(make_directories(config.path_of("run")));
  TRY_VOID(make_directories(config.path_of("log")));
  open_log(config, "watcher");
  if (!arguments.foreground && !resume) TRY_VOID(detach.begin());
  Place place{UniqueFd(resume ? resume->lock : -1), UniqueFd(resume ? resume->listener : -1)};
  if (!resume) {
    // It is there as long as a watcher runs, and when one was killed.
    const bool was_there = file_exists(config.path_of("run/watcher.pid"));
    TRY(place.lock, lock_pid_file(config.path_of("run/watcher.pid")));
    end_lost_watcher(config.root(), place.lock.get());
    if (!was_there && !running_services(config.root()).empty())
      gate.others_must_end(
          "run/ was removed while services run, which nobody reaches any more: run stop-msg, "
          "then start-msg");
  }
  ::umask(077);
  TRY_VOID(open_journal(arguments, config, gate));
  if (!resume) {
    TRY(place.listener, listen_unix(config.path_of("run/watcher")));
  }
  for (const auto* fd : {&place.lock, &place.listener}) ::fcntl(fd->get(), F_SETFD, FD_CLOEXEC);
  return place;
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
  auto arguments = waxwing::parse(argc, argv);
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
