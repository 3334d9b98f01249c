#include "dispatcher/worker_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/base/path.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

extern char** environ;

namespace waxwing::dispatcher {

namespace {

constexpr int kWorkerSocket = 3;
constexpr std::int64_t kReportMs = 1000;

// Workers lie beside the dispatcher.
std::string program_of(const ServiceSettings& settings) {
  return settings.image.starts_with('/') ? settings.image : program_directory() + "/" + settings.image;
}

struct SpawnActions {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  explicit SpawnActions(int socket) {
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, socket, kWorkerSocket);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnActions() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
};

Result<pid_t> spawn_program(const ServiceSettings& settings, const std::string& root, int socket) {
  const std::string program = program_of(settings);
  std::vector<std::string> environment;
  for (char** each = environ; *each; ++each)
    if (!std::string_view(*each).starts_with("WAXWING_"))
      environment.emplace_back(*each);
    else if (std::string_view(*each).starts_with("WAXWING_FAILPOINTS="))
      environment.emplace_back(*each);
  environment.push_back("WAXWING_DISPATCHER_FD=" + std::to_string(kWorkerSocket));
  environment.push_back("WAXWING_SERVICE=" + settings.name);
  environment.push_back("WAXWING_PARAMETERS=" + join(settings.parameters, "\n"));
  environment.push_back("WAXWING_BLOCK_LISTS=" + join(settings.block_lists, " "));
  std::vector<char*> variables;
  for (auto& each : environment) variables.push_back(each.data());
  variables.push_back(nullptr);
  std::string arguments[] = {program, "--instance", root};
  char* argv[] = {arguments[0].data(), arguments[1].data(), arguments[2].data(), nullptr};
  SpawnActions spawn(socket);
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, program.c_str(), &spawn.actions, &spawn.attributes, argv, variables.data());
  if (failed) return std::unexpected(system_error("cannot start " + program, failed));
  return pid;
}

}  // namespace

WorkerProcess::WorkerProcess(Daemon& daemon, std::string service, pid_t pid, UniqueFd socket, Events events)
    : daemon_(daemon),
      service_(std::move(service)),
      pid_(pid),
      socket_(daemon.loop(), std::move(socket)),
      doors_(socket_),
      events_(std::move(events)),
      reported_(daemon.loop()),
      started_ms_(monotonic_ms()),
      idle_since_ms_(started_ms_) {}

Result<std::shared_ptr<WorkerProcess>> WorkerProcess::start(Daemon& daemon, const ServiceSettings& settings,
                                                            Events events) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
    return std::unexpected(system_error("socket pair for a worker", errno));
  UniqueFd ours(pair[0]), theirs(pair[1]);
  // dup2 onto itself would keep close-on-exec set.
  if (theirs.get() == kWorkerSocket) theirs.reset(::fcntl(theirs.get(), F_DUPFD_CLOEXEC, kWorkerSocket + 1));
  TRY(const pid_t pid, spawn_program(settings, daemon.config()->root(), theirs.get()));
  log::Event("dispatcher.worker.started").with("service", settings.name).with("pid", pid).notice();
  return adopt(daemon, settings.name, pid, std::move(ours), std::move(events));
}

std::shared_ptr<WorkerProcess> WorkerProcess::adopt(Daemon& daemon, std::string service, pid_t pid,
                                                    UniqueFd socket, Events events) {
  ::fcntl(socket.get(), F_SETFL, O_NONBLOCK);
  auto worker =
      std::make_shared<WorkerProcess>(daemon, std::move(service), pid, std::move(socket), std::move(events));
  spawn(listen(worker));
  return worker;
}

namespace {
// A worker that was killed may have put messages into the queue without having told of them: they would
// lie there until the next look at the whole tree.
Task<void> have_queue_read_again(EventLoop& loop, std::string path) {
  auto connected = connect_unix(path);
  if (!connected) co_return;  // job_controller is down; it reads the tree when it starts
  PacketSocket socket(loop, std::move(*connected));
  if (!socket.send(Record("rescan"))) co_return;
  co_await socket.receive(60'000);
}
}  // namespace

Task<void> WorkerProcess::listen(std::shared_ptr<WorkerProcess> self) {
  for (;;) {
    auto got = co_await self->socket_.receive();
    if (!got || !*got) break;
    self->heard(std::move(**got));
  }
  log::Event("dispatcher.worker.gone")
      .with("service", self->service_)
      .with("pid", self->pid_)
      .with("active", self->load().active)
      .with("drained", self->draining_ ? 1 : 0)
      .notice();
  self->socket_.close();
  self->doors_.clear();
  self->ready_ = self->asked_ = false;
  self->reported_.notify_all();
  // One that drains ends by itself when its last session is over.
  if (!self->draining_ || self->active_ > 0)
    spawn(have_queue_read_again(self->daemon_.loop(), self->daemon_.config()->path_of("run/job_controller")));
  self->events_.gone(self.get());
}

void WorkerProcess::heard(Packet packet) {
  const auto& record = packet.record;
  if (record.is("door")) {
    doors_.add(std::make_unique<PacketSocket>(daemon_.loop(), std::move(packet.fd)));
    if (draining_) close_doors();
  } else if (record.is("ready")) {
    ready_ = true;
    events_.ready(*this);
  } else if (record.is("draining")) {
    // It was told to end by somebody else: nothing more goes to it, and it may go when it knows that.
    drain();
  } else if (record.is("closed")) {
    closed(record);
  } else if (record.is("reported")) {
    asked_ = false;
    reported_.notify_all();
  }
}

void WorkerProcess::closed(const Record& record) {
  for (const auto peer : record.all("peer")) {
    const auto at = clients_.find(std::string(peer));
    if (at == clients_.end()) continue;
    --active_;
    if (--at->second == 0) clients_.erase(at);
  }
  if (active_ == 0) idle_since_ms_ = monotonic_ms();
}

// One that is not ready has had no session yet, or never will.
void WorkerProcess::ask_for_count() {
  if (ready_ && !asked_) asked_ = socket_.send(Record("report")).has_value();
}

Task<void> WorkerProcess::count_again(std::vector<std::shared_ptr<WorkerProcess>> workers) {
  const auto until_ms = monotonic_ms() + kReportMs;
  for (const auto& worker : workers) worker->ask_for_count();
  for (const auto& worker : workers) {
    if (!worker->asked_) continue;  // answered while others were waited for
    const auto left_ms = std::max<std::int64_t>(0, until_ms - monotonic_ms());
    const auto told = co_await worker->reported_.wait(left_ms);
    if (told == Ready::timeout) worker->asked_ = false;
  }
}

std::int64_t WorkerProcess::connections_of(const std::string& peer_address) const {
  const auto at = clients_.find(peer_address);
  return at == clients_.end() ? 0 : at->second;
}

Result<> WorkerProcess::hand(const AcceptedConnection& connection) {
  TRY_VOID(doors_.send(connection.to_record(), connection.fd));
  ++handed_;
  ++active_;
  ++clients_[connection.peer_address];
  return {};
}

void WorkerProcess::drain() {
  if (draining_) return;
  draining_ = true;
  (void)socket_.send(Record("drain"));
  close_doors();
}

void WorkerProcess::stop() {
  draining_ = true;
  (void)socket_.send(Record("stop"));
  close_doors();
}

// Behind the last connection of each.
void WorkerProcess::close_doors() {
  doors_.last(Record("drain"));
}

WorkerLoad WorkerProcess::load() const {
  const auto now = monotonic_ms();
  WorkerLoad load;
  load.active = active_;
  load.handed = handed_;
  load.age_s = (now - started_ms_) / 1000;
  load.idle_s = load.active ? 0 : (now - idle_since_ms_) / 1000;
  load.draining = draining_;
  return load;
}

void reap_children() {
  int status = 0;
  for (pid_t pid; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;)
    if (WIFSIGNALED(status))
      log::Event("dispatcher.worker.killed").with("pid", pid).with("signal", WTERMSIG(status)).error();
    else if (WEXITSTATUS(status) != 0)
      log::Event("dispatcher.worker.failed").with("pid", pid).with("status", WEXITSTATUS(status)).error();
}

}  // namespace waxwing::dispatcher
