#include "common/daemon/daemon.h"

#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#endif

#include "common/base/durable.h"
#include "common/base/version.h"
#include "common/daemon/detail/frame.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"

namespace waxwing {

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
void Daemon::end(int status) {
  inner_->status = status;
  if (!stopping()) ::kill(::getpid(), SIGTERM);
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
  const auto arguments = parse_arguments(argc, argv);
  if (!arguments) return give_up(arguments.error());
  const auto root = find_instance(arguments->instance);
  if (!root) return give_up(root.error());
  const auto config = Config::load(*root);
  if (!config) return give_up(config.error());
  if (const auto became = become_service_user((*config)->text("local.serveruid"), *root); !became)
    return give_up(became.error());

  auto& frame = DaemonFrame::create(arguments->as.empty() ? name : arguments->as, options, *config);
  open_log(**config, frame.daemon.name());
  set_stray_exception_handler(log_stray);
  ::umask(077);
  ::mallopt(M_MMAP_THRESHOLD, kMappedFromBytes);
  if (const auto taken = frame.take_place(name); !taken) return give_up(taken.error());
  const auto ended = frame.run(start);
  const int status = ended ? frame.inner.status : give_up(ended.error());
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
