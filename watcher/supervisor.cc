#include "watcher/supervisor.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "watcher/instance_processes.h"
#include "watcher/probe.h"

namespace waxwing {

namespace {

// A service that dies sooner than this after its start has died "at once".
constexpr std::int64_t kQuickDeathMs = 10'000;
// So many quick deaths in a row are restarted without a pause; then the pause doubles up to the longest.
constexpr int kFreeRestarts = 2;
constexpr std::int64_t kFirstPauseMs = 500;
constexpr std::int64_t kLongestPauseMs = 60'000;
constexpr std::int64_t kAskEveryMs = 2000;  // as often as our own programs say that they live
constexpr std::int64_t kAnswerMs = 5000;

std::int64_t pause_after(int quick_deaths) {
  if (quick_deaths <= kFreeRestarts) return 0;
  const int doublings = std::min(quick_deaths - kFreeRestarts - 1, 10);
  return std::min(kFirstPauseMs << doublings, kLongestPauseMs);
}

}  // namespace

std::string_view state_name(ServiceState state) {
  switch (state) {
    case ServiceState::stopped:
      return "stopped";
    case ServiceState::waiting:
      return "waiting";
    case ServiceState::starting:
      return "starting";
    case ServiceState::running:
      return "running";
    case ServiceState::failed:
      return "failed";
    case ServiceState::stopping:
      return "stopping";
  }
  return "unknown";
}

Supervisor::Supervisor(EventLoop& loop, std::shared_ptr<const Config> config, std::string bin_directory)
    : loop_(loop),
      config_(std::move(config)),
      bin_directory_(std::move(bin_directory)),
      helpers_(loop, config_->root()),
      changed_(loop) {
  for (const ServiceSpec& spec : service_table()) {
    services_.push_back(std::make_unique<Service>());
    services_.back()->spec = &spec;
  }
  sign_timer_ = loop_.every(1000, [this] { check_signs(); });
}

Service* Supervisor::find(std::string_view name) {
  const auto at = std::ranges::find_if(services_, [&](auto& s) { return s->spec->name == name; });
  return at == services_.end() ? nullptr : at->get();
}

Service* Supervisor::find_pid(pid_t pid) {
  const auto at =
      std::ranges::find_if(services_, [&](auto& s) { return s->process && s->process->pid() == pid; });
  return at == services_.end() ? nullptr : at->get();
}

std::vector<Service*> Supervisor::enabled() {
  std::vector<Service*> list;
  for (auto& service : services_)
    if (is_enabled(*service->spec, *config_)) list.push_back(service.get());
  return list;
}

bool Supervisor::all_stopped() const {
  return std::ranges::none_of(services_, [](auto& s) { return s->living; });
}

void Supervisor::become(Service& service, ServiceState state) {
  service.state = state;
  changed_.notify_all();
}

// ---- asking -------------------------------------------------------------------------------------

void Supervisor::start(Service& service) {
  for (std::string_view needed : service.spec->needs) {
    Service* other = find(needed);
    if (other && is_enabled(*other->spec, *config_)) start(*other);
  }
  const bool tired = service.state == ServiceState::failed;
  if (!service.wanted || tired) service.deaths = service.quick_deaths = 0;
  service.wanted = true;
  if (tired) become(service, ServiceState::waiting);  // ends the pause
  if (service.living) return;
  service.living = true;
  service.was_ready = false;
  become(service, ServiceState::waiting);
  spawn(live(service));
}

void Supervisor::stop(Service& service) {
  if (!service.living || !service.wanted) return;
  service.wanted = false;
  changed_.notify_all();
  if (service.process) {
    become(service, ServiceState::stopping);
    spawn(bring_down(service));
  }
}

void Supervisor::stop_all() {
  for (auto at = services_.rbegin(); at != services_.rend(); ++at) stop(**at);
}

void Supervisor::restart(Service& service) {
  if (!service.process || !service.wanted) return start(service);
  // Its coroutine sees the end and, as the service is still wanted, starts it again.
  service.quick_deaths = 0;
  service.was_ready = false;
  become(service, ServiceState::stopping);
  spawn(bring_down(service));
}

void Supervisor::resume(std::string_view name, pid_t pid) {
  Service* service = find(name);
  if (!service || service->living) return;  // the new program knows it no more: it is left alone
  service->inherited = pid;
  // What runs is taken over whatever became of what it needs.
  service->was_ready = pid > 0;
  service->wanted = service->living = true;
  become(*service, ServiceState::waiting);
  spawn(live(*service));
}

void Supervisor::adopt_living() {
  for (auto& service : services_) {
    const auto text = read_file(pid_file(*service), 64);
    const auto pid = text ? to_number<pid_t>(trim(*text)) : std::nullopt;
    if (pid && Process::adopt(*pid, std::string(service->spec->name), config_->root()))
      resume(service->spec->name, *pid);
  }
  // Those whose pid file was lost, with run/ for example.
  for (const auto& [name, pid] : running_services(config_->root())) resume(name, pid);
}

// ---- a service's life ---------------------------------------------------------------------------

bool Supervisor::needs_met(const Service& service) {
  return std::ranges::all_of(service.spec->needs, [&](std::string_view name) {
    const Service* other = find(name);
    return !other || !is_enabled(*other->spec, *config_) || other->state == ServiceState::running;
  });
}

Task<void> Supervisor::live(Service& service) {
  while (service.wanted) {
    while (service.wanted && !service.was_ready && !needs_met(service)) co_await changed_.wait();
    if (!service.wanted) break;
    co_await bring_up(service);
    if (!service.wanted) break;
    if (!config_->flag("base.autorestart.enable") && service.deaths > 0) {
      service.wanted = false;
      break;
    }
    co_await pause_before_retry(service);
  }
  service.living = false;
  ::unlink(pid_file(service).c_str());
  become(service, ServiceState::stopped);
}

// One process from its start to its end.
Task<void> Supervisor::bring_up(Service& service) {
  service.started_ms = monotonic_ms();
  const Result<> launched = launch(service);
  if (!launched) {
    service.trouble = launched.error().text;
    ++service.deaths;
    ++service.quick_deaths;
    log::Event("watcher.start.fail").with("service", service.spec->name).with("why", service.trouble).error();
    become(service, ServiceState::failed);
    co_return;
  }
  if (service.spec->readiness == Readiness::answers && service.state == ServiceState::starting)
    spawn(ask_until_it_answers(service, service.process->pid()));
  if (service.spec->readiness == Readiness::answers) spawn(keep_asking(service, service.process->pid()));
  co_await loop_.readable(service.process->pidfd(), -1);
  on_exit(service);
}

Result<> Supervisor::launch(Service& service) {
  const std::string name(service.spec->name);
  const auto old = read_file(pid_file(service), 64);
  auto pid = old ? to_number<pid_t>(trim(*old)) : std::nullopt;
  if (service.inherited > 0) pid = std::exchange(service.inherited, 0);
  service.gives_signs = false;
  service.reloaded.reset();
  service.last_sign_ms = monotonic_ms();
  if (pid) service.process = Process::adopt(*pid, name, config_->root());
  if (service.process) {
    log::Event("watcher.adopt").with("service", name).with("pid", service.process->pid()).notice();
    service.was_ready = true;
    service.started_ms -= service.process->age_ms();
    become(service, ServiceState::running);
    return {};
  }
  const auto command = command_of(*service.spec, *config_, bin_directory_);
  TRY(service.process, Process::start(command, config_->path_of("log/" + name + ".log"), config_->root()));
  // The file is for the watcher after us, no more: a full disk must not make us leave a process that runs.
  const auto noted = replace_file(pid_file(service), std::to_string(service.process->pid()) + "\n", 0644);
  if (!noted) log::Event("watcher.pid.file").with("service", name).with("why", noted.error().text).error();
  log::Event("watcher.start").with("service", name).with("pid", service.process->pid()).information();
  become(service, ServiceState::starting);
  return {};
}

void Supervisor::on_exit(Service& service) {
  const std::int64_t lived = monotonic_ms() - service.started_ms;
  const bool asked_for = service.state == ServiceState::stopping;
  const std::string how = service.process->reap();
  const pid_t pid = service.process->pid();
  service.process.reset();
  log::Event event("watcher.exit");
  event.with("service", service.spec->name).with("pid", pid).with("how", how).with("lived_ms", lived);
  if (asked_for) return event.information();
  event.error();
  ++service.deaths;
  service.quick_deaths = lived < kQuickDeathMs ? service.quick_deaths + 1 : 0;
  // One that was being killed because it was never ready has its reason already.
  if (service.state != ServiceState::failed) service.trouble = how;
  become(service, ServiceState::failed);
}

Task<void> Supervisor::pause_before_retry(Service& service) {
  if (service.state != ServiceState::failed) {  // restart was asked for
    become(service, ServiceState::waiting);
    co_return;
  }
  const std::int64_t pause = pause_after(service.quick_deaths);
  if (pause > 0)
    log::Event("watcher.dies.again")
        .with("service", service.spec->name)
        .with("times", service.quick_deaths)
        .with("pause_ms", pause)
        .with("why", service.trouble)
        .critical();
  const std::int64_t until = monotonic_ms() + pause;
  while (service.wanted && service.state == ServiceState::failed) {
    const std::int64_t left = until - monotonic_ms();
    if (left <= 0) break;
    co_await changed_.wait(left);
  }
  if (service.wanted) become(service, ServiceState::waiting);
}

Task<void> Supervisor::ask_until_it_answers(Service& service, pid_t pid) {
  const std::string path = config_->path_of("run/ldapi");
  while (service.process && service.process->pid() == pid && service.state == ServiceState::starting) {
    if (accepts_connections(path)) {
      on_ready(pid);
      co_return;
    }
    co_await loop_.sleep(20);
  }
}

// Only from its first answer on: then it counts as one that gives signs.
Task<void> Supervisor::keep_asking(Service& service, pid_t pid) {
  const std::string path = config_->path_of("run/ldapi");
  const auto lives = [&] { return service.process && service.process->pid() == pid; };
  while (lives()) {
    const bool answered = co_await answers_bind(loop_, path, kAnswerMs);
    if (answered && lives()) on_alive(pid);
    co_await loop_.sleep(kAskEveryMs);
  }
}

// ---- stopping -----------------------------------------------------------------------------------

bool Supervisor::is_needed_by_living(const Service& service) {
  return std::ranges::any_of(services_, [&](auto& other) {
    return !other->wanted && other->process &&
           std::ranges::find(other->spec->needs, service.spec->name) != other->spec->needs.end();
  });
}

Task<void> Supervisor::bring_down(Service& service) {
  if (!service.process) co_return;
  const pid_t pid = service.process->pid();
  while (!service.wanted && is_needed_by_living(service)) co_await changed_.wait();
  if (!service.process || service.process->pid() != pid) co_return;
  service.process->signal(SIGTERM);
  const std::int64_t until = monotonic_ms() + config_->number("watcher.stop_timeout") * 1000;
  while (service.process && service.process->pid() == pid && monotonic_ms() < until)
    co_await changed_.wait(until - monotonic_ms());
  if (!service.process || service.process->pid() != pid) co_return;
  log::Event("watcher.kill")
      .with("service", service.spec->name)
      .with("pid", pid)
      .with("why", "did not stop in time")
      .error();
  service.process->signal(SIGKILL);
}

Task<void> Supervisor::end_helpers(std::vector<std::string_view> of_services, Helpers::Tell tell) {
  const auto timeout_ms = config_->number("watcher.stop_timeout") * 1000;
  co_await helpers_.end(std::move(of_services), timeout_ms, std::move(tell));
}

// ---- signs of life ------------------------------------------------------------------------------

void Supervisor::on_ready(pid_t pid) {
  Service* service = find_pid(pid);
  if (!service) return helpers_.on_alive(pid);
  service->last_sign_ms = monotonic_ms();
  if (service->state != ServiceState::starting) return;
  service->startup_ms = service->last_sign_ms - service->started_ms;
  log::Event("watcher.ready")
      .with("service", service->spec->name)
      .with("pid", pid)
      .with("ms", service->startup_ms)
      .notice();
  service->was_ready = true;
  become(*service, ServiceState::running);
}

void Supervisor::on_alive(pid_t pid) {
  Service* service = find_pid(pid);
  if (!service) return helpers_.on_alive(pid);
  service->last_sign_ms = monotonic_ms();
  service->gives_signs = true;
}

void Supervisor::on_stopping(pid_t pid) {
  if (!find_pid(pid)) helpers_.on_stopping(pid);
}

void Supervisor::on_reloaded(pid_t pid, const Record& record) {
  Service* service = find_pid(pid);
  if (!service) return;
  service->reloaded = record;
  changed_.notify_all();
}

void Supervisor::check_signs() {
  const std::int64_t now = monotonic_ms();
  const std::int64_t silence_ms = config_->number("watcher.alive_timeout") * 1000;
  const std::int64_t start_ms = config_->number("watcher.start_timeout") * 1000;
  helpers_.check(silence_ms);
  for (auto& service : services_) {
    if (!service->process) continue;
    const bool late = service->state == ServiceState::starting && now - service->started_ms > start_ms;
    const bool silent = service->state == ServiceState::running && service->gives_signs && silence_ms > 0 &&
                        now - service->last_sign_ms > silence_ms;
    if (!late && !silent) continue;
    service->trouble = late ? "was not ready in time" : "gave no sign of life";
    log::Event("watcher.kill")
        .with("service", service->spec->name)
        .with("pid", service->process->pid())
        .with("why", service->trouble)
        .error();
    become(*service, ServiceState::failed);
    service->process->signal(SIGKILL);
  }
}

std::string Supervisor::pid_file(const Service& service) const {
  return config_->path_of("run/" + std::string(service.spec->name) + ".pid");
}

}  // namespace waxwing
