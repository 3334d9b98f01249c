#include "common/daemon/daemon.h"

#include <event2/event.h>
#include <malloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <thread>
#include <utility>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "common/base/current.h"
#include "common/base/durable.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/base/version.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/only_one.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"

namespace waxwing {

struct Daemon::Inner {
  DaemonOptions options;
  Current<Config> config;
  std::vector<std::unique_ptr<EventLoop>> loops;
  std::vector<std::thread> threads;
  std::unique_ptr<WorkerPool> workers;
  std::vector<std::function<void()>> reload_handlers, stop_handlers;
  std::vector<::event*> signals;
  std::atomic<std::size_t> next_loop{0};
  std::atomic<std::size_t> sessions{0};
  std::atomic<bool> stopping{false};
  std::unique_ptr<EventLoop::Timer> alive, deadline;
  // Main loop's thread only:
  // While start() runs or a reload; when its last copy goes, the daemon is ready, the reload is done.
  std::shared_ptr<void> unready;
  PacketSocket* watcher = nullptr;  // while it is connected
  std::optional<Record> unsaid;     // the last reload, when watcher was not there to hear of it
  std::string reload_troubles;      // of the reload under way
  UniqueFd lock;                    // of DaemonOptions::only_one
};

class Daemon::SessionGuard {
 public:
  explicit SessionGuard(Daemon::Inner& inner) : inner_(inner) { inner_.sessions.fetch_add(1); }
  ~SessionGuard() {
    if (inner_.sessions.fetch_sub(1) == 1 && inner_.stopping) inner_.loops.front()->stop();
  }

 private:
  Daemon::Inner& inner_;
};

void Daemon::SessionRelease::operator()(SessionGuard* guard) const {
  delete guard;
}

Daemon::Daemon(std::string name) : name_(std::move(name)), inner_(std::make_unique<Inner>()) {}
Daemon::~Daemon() = default;

std::shared_ptr<const Config> Daemon::config() const {
  return inner_->config.get();
}

EventLoop& Daemon::loop(std::size_t index) {
  return *inner_->loops.at(index);
}
std::size_t Daemon::loops() const {
  return inner_->loops.size();
}
EventLoop& Daemon::next_loop() {
  return *inner_->loops[inner_->next_loop.fetch_add(1) % inner_->loops.size()];
}
WorkerPool& Daemon::workers() {
  return *inner_->workers;
}
void Daemon::on_reload(std::function<void()> handler) {
  inner_->reload_handlers.push_back(std::move(handler));
}
void Daemon::reload_refused(const std::string& why) {
  inner_->reload_troubles += (inner_->reload_troubles.empty() ? "" : "; ") + why;
}
void Daemon::on_stop(std::function<void()> handler) {
  inner_->stop_handlers.push_back(std::move(handler));
}
bool Daemon::stopping() const {
  return inner_->stopping;
}
std::shared_ptr<void> Daemon::not_ready_yet() {
  return inner_->unready;
}
Daemon::SessionHandle Daemon::session() {
  return SessionHandle(new SessionGuard(*inner_));
}

namespace {
void log_stray(std::exception_ptr failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::Event("daemon.exception").with("what", error.what()).critical();
  } catch (...) {
    log::Event("daemon.exception").with("what", "unknown").critical();
  }
}

struct Arguments {
  std::string instance;
  std::string as;  // name in logs and towards watcher, when several of one kind run
};

Result<Arguments> parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--foreground") continue;
    if ((word == "--instance" || word == "--as") && i + 1 < argc) {
      (word == "--as" ? arguments.as : arguments.instance) = argv[++i];
    } else {
      return permanent("unknown argument '" + std::string(word) + "'; --help lists those there are");
    }
  }
  return arguments;
}

// Groups of options that only some programs have; the others' are everybody's.
bool concerns(std::string_view option, std::string_view program) {
  static constexpr std::pair<std::string_view, std::string_view> kOwners[] = {
      {"imap.", "imapd"},
      {"pop.", "popd"},
      {"lmtp.", "lmtpd dispatcher"},
      {"submit.", "dispatcher"},
      {"watcher.", "watcher"},
      {"base.", "watcher"},
      {"ims_master.", "ims_master"},
      {"smtp.", "smtpd dispatcher tcp_smtp_client"}};
  if (option.ends_with(".enable") || option == "store.enable") return program == "watcher";
  for (const auto& [head, programs] : kOwners)
    if (option.starts_with(head)) {
      const auto words = split_words(programs);
      return std::find(words.begin(), words.end(), program) != words.end();
    }
  return true;
}

// Names of the options whose values differ, with commas between; restart: those that a reload does not
// change.
std::string changed_options(const Config& before, const Config& after, std::string_view program,
                            bool restart) {
  std::string names;
  for (const auto& spec : option_registry()) {
    if (spec.restart != restart || !concerns(spec.name, program)) continue;
    const bool starred = spec.name.find('*') != std::string_view::npos;
    const bool same = starred ? before.starred(spec.name) == after.starred(spec.name)
                              : before.text(spec.name) == after.text(spec.name);
    if (!same) names += (names.empty() ? "" : ",") + std::string(spec.name);
  }
  return names;
}
}  // namespace

// What run_daemon does, step by step; a friend of Daemon in one place.
struct DaemonFrame {
  Daemon& daemon;
  Daemon::Inner& inner;

  // Before anything of queue or store is opened.
  Result<> take_place(const char* name) {
    const auto config = inner.config.get();
    if (inner.options.only_one) {
      TRY(inner.lock, only_one(config->root(), name));
    }
    return open_instance_journal(*config);
  }

  void make_loops() {
    const auto& config = *inner.config.get();
    auto count = inner.options.loops;
    if (count == 0) count = static_cast<std::size_t>(config.number("daemon.loops"));
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) inner.loops.push_back(std::make_unique<EventLoop>());
    inner.workers = std::make_unique<WorkerPool>(static_cast<unsigned>(config.number("daemon.workers")));
  }

  // After the capabilities are gone: a thread keeps what it was born with.
  void start_threads() {
    for (std::size_t i = 1; i < inner.loops.size(); ++i)
      inner.threads.emplace_back([loop = inner.loops[i].get()] { loop->run(); });
  }

  Record word(const char* verb) const {
    return Record(verb).set("name", daemon.name()).set("pid", ::getpid());
  }

  // Tells watcher who we are and that we live; tries again for ever, so that watcher may be restarted.
  static Task<void> keep_in_touch(DaemonFrame& frame) {
    auto& inner = frame.inner;
    auto& loop = *inner.loops.front();
    const std::string path = frame.daemon.config()->path_of("run/watcher");
    while (!inner.stopping) {
      auto connected = connect_unix(path);
      if (!connected) {
        co_await loop.sleep(2000);
        continue;
      }
      PacketSocket watcher(loop, std::move(*connected));
      inner.watcher = &watcher;
      auto said = watcher.send(frame.word("ready"));
      if (said && inner.unsaid) said = watcher.send(*std::exchange(inner.unsaid, std::nullopt));
      while (said && !watcher.broken() && !inner.stopping) {
        // It says nothing; but when it goes, we see it at once.
        auto heard = co_await watcher.receive(2000);
        if (watcher.broken()) break;
        said = watcher.send(frame.word("alive"));
      }
      inner.watcher = nullptr;
      if (inner.stopping) (void)watcher.send(frame.word("stopping"));
      if (!inner.stopping) co_await loop.sleep(20);
    }
  }

  void tell_ready() {
    log::Event("daemon.ready").with("instance", daemon.config()->root()).notice();
    spawn(keep_in_touch(*this));
  }

  void tell_reloaded(Record record) {
    if (inner.watcher && inner.watcher->send(record)) return;
    inner.unsaid = std::move(record);
  }

  void reload() {
    const auto before = inner.config.get();
    auto fresh = Config::load(before->root());
    if (!fresh) {
      log::Event("daemon.reload.refused").with("error", fresh.error().text).error();
      return tell_reloaded(word("reloaded").set("trouble", fresh.error().text));
    }
    const auto now = changed_options(*before, **fresh, daemon.name(), false);
    const auto later = changed_options(*before, **fresh, daemon.name(), true);
    inner.config.set(*fresh);
    open_log(**fresh, daemon.name());
    inner.reload_troubles.clear();
    inner.unready = std::shared_ptr<void>(this, [this, now, later](void*) { end_reload(now, later); });
    for (auto& handler : inner.reload_handlers) handler();
    inner.unready.reset();
  }

  void end_reload(const std::string& now, const std::string& later) {
    tell_reloaded(word("reloaded")
                      .set("changed", now)
                      .set("wants_restart", later)
                      .set("trouble", inner.reload_troubles));
    log::Event event("daemon.reloaded");
    if (!now.empty()) event.with("changed", now);
    if (!later.empty()) event.with("wants_restart", later);
    event.notice();
  }

  void stop() {
    if (inner.stopping.exchange(true)) return;
    log::Event("daemon.stopping").with("sessions", static_cast<std::int64_t>(inner.sessions)).notice();
    for (auto& handler : inner.stop_handlers) handler();
    if (inner.sessions == 0) inner.loops.front()->stop();
    inner.deadline = inner.loops.front()->every(inner.options.grace_ms, [this] {
      log::Event("daemon.grace.over").with("sessions", static_cast<std::int64_t>(inner.sessions)).warning();
      inner.loops.front()->stop();
    });
  }

  static void signalled(int number, short, void* self) {
    auto& frame = *static_cast<DaemonFrame*>(self);
    if (number == SIGHUP)
      frame.reload();
    else
      frame.stop();
  }

  void watch_signals() {
    std::signal(SIGPIPE, SIG_IGN);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
      auto* event = evsignal_new(inner.loops.front()->base(), number, &signalled, this);
      event_add(event, nullptr);
      inner.signals.push_back(event);
    }
  }
};

namespace {
// Left to itself glibc raises this with the largest block that was ever freed: a purge or a parse of some
// megabytes is then served from the arena of its thread, and each worker's arena keeps that much for good.
constexpr int kMappedFromBytes = 512 << 10;

// For somebody who wants to know what this program is; whoever starts it in earnest never says it.
bool wants_help(int argc, char** argv, const char* name) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) {
    std::printf("%s: %s %s\n", name, kProduct.data(), build_text().c_str());
    return true;
  }
  if (argc != 2 || (std::strcmp(argv[1], "--help") != 0 && std::strcmp(argv[1], "-h") != 0)) return false;
  std::printf(
      "usage: %s [--instance DIR] [--as NAME] [--foreground] | --version\n"
      "Started by watcher or the job controller; people use start-msg and stop-msg. See %s(8).\n",
      name, name);
  return true;
}
}  // namespace

int run_daemon(int argc, char** argv, const char* name, DaemonOptions options,
               std::function<Result<>(Daemon&)> start) {
  const auto give_up = [&](const Error& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.text.c_str());
    log::Event("daemon.failed").with("error", error.text).critical();
    return error.fault == Fault::temporary ? 75 : 78;  // EX_TEMPFAIL, EX_CONFIG
  };
  if (wants_help(argc, argv, name)) return 0;
  auto arguments = parse_arguments(argc, argv);
  if (!arguments) return give_up(arguments.error());
  auto root = find_instance(arguments->instance);
  if (!root) return give_up(root.error());
  auto config = Config::load(*root);
  if (!config) return give_up(config.error());
  if (auto became = become_service_user((*config)->text("local.serveruid")); !became)
    return give_up(became.error());

  static auto& daemon = *new Daemon(arguments->as.empty() ? name : arguments->as);  // outlives every thread
  auto& inner = *daemon.inner_;
  inner.options = options;
  inner.config.set(*config);
  open_log(**config, daemon.name());
  set_stray_exception_handler(log_stray);
  ::umask(077);
  ::mallopt(M_MMAP_THRESHOLD, kMappedFromBytes);
  static auto& frame = *new DaemonFrame{daemon, inner};
  if (auto taken = frame.take_place(name); !taken) return give_up(taken.error());
  frame.make_loops();
  frame.watch_signals();

  Result<> started;
  inner.unready = std::shared_ptr<void>(&frame, [&](void*) { frame.tell_ready(); });
  inner.loops.front()->post([&] {
    try {
      started = start(daemon);
    } catch (const std::exception& error) {
      started = bug(error.what());
    }
    if (!started) {
      inner.loops.front()->stop();
      return;
    }
    drop_capabilities();
    frame.start_threads();
    inner.unready.reset();
  });
  inner.loops.front()->run();
  const int status = started ? 0 : give_up(started.error());
  if (started) log::Event("daemon.stopped").notice();
  durable::leave_journal();
  // Other threads may still be at work on their last answers; the process ends without running destructors
  // under their feet. What was promised is on disk already.
  std::fflush(nullptr);
#ifdef __SANITIZE_ADDRESS__
  __lsan_do_leak_check();  // what it would do at exit()
#endif
  ::_exit(status);
}

}  // namespace waxwing
