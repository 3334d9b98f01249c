#include "watcher/control.h"

#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "common/base/time.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "watcher/renewal.h"

namespace waxwing {

namespace {

constexpr std::int64_t kTrialMs = 10'000;
constexpr std::int64_t kReloadMs = 20'000;  // a daemon that reads big files meanwhile is not silent

// Tells a tool what has changed since it was told last.
class Reporter {
 public:
  explicit Reporter(const Supervisor& supervisor) {
    for (const auto& service : supervisor.services()) told_[service.get()] = service->state;
  }
  void tell(const Control::Tell& to, const Supervisor& supervisor) {
    for (const auto& service : supervisor.services()) {
      if (told_[service.get()] == service->state) continue;
      told_[service.get()] = service->state;
      Record progress("progress");
      progress.set("name", service->spec->name).set("state", state_name(service->state));
      if (service->process) progress.set("pid", service->process->pid());
      progress.set("ms", service->startup_ms).set("trouble", service->trouble);
      to(progress);
    }
  }

 private:
  std::map<const Service*, ServiceState> told_;
};

// A tool that went away misses it.
Control::Tell teller(PacketSocket& socket) {
  return [&socket](const Record& progress) { (void)socket.send(progress); };
}

void add_with_needs(Supervisor& supervisor, Service& service, std::vector<Service*>& list) {
  for (std::string_view name : service.spec->needs) {
    Service* needed = supervisor.find(name);
    if (needed && is_enabled(*needed->spec, supervisor.config())) add_with_needs(supervisor, *needed, list);
  }
  if (std::ranges::find(list, &service) == list.end()) list.push_back(&service);
}

}  // namespace

void Control::serve(UniqueFd listener, int lock, std::vector<std::string> arguments) {
  listener_ = listener.get();
  lock_ = lock;
  arguments_ = std::move(arguments);
  serve_unix(loop_, std::move(listener), [this](PacketSocket socket) { spawn(converse(std::move(socket))); });
}

std::string Control::reload() {
  auto fresh = Config::load(supervisor_.config().root());
  if (!fresh) {
    log::Event("watcher.reload.refused").with("error", fresh.error().text).error();
    return fresh.error().text;
  }
  supervisor_.use_config(std::move(*fresh));
  return {};
}

Task<void> Control::converse(PacketSocket socket) {
  for (;;) {
    auto got = co_await socket.receive();
    if (!got || !*got) break;
    const Record record = std::move((**got).record);
    const auto pid = static_cast<pid_t>(record.number("pid"));
    if (record.is("ready")) {
      supervisor_.on_ready(pid);
    } else if (record.is("alive")) {
      supervisor_.on_alive(pid);
    } else if (record.is("reloaded")) {
      supervisor_.on_reloaded(pid, record);
    } else if (record.is("stopping")) {
      supervisor_.on_stopping(pid);
    } else {
      co_await answer(socket, record);
    }
  }
}

Task<void> Control::answer(PacketSocket& socket, const Record& question) {
  std::vector<Service*> services;
  for (std::string_view name : question.all("name")) {
    const auto specs = services_called(name);
    if (specs.empty()) {
      std::string text = "there is no service '" + std::string(name) + "'; there are";
      for (const auto& service : supervisor_.services()) text += " " + std::string(service->spec->name);
      (void)socket.send(Record("error").set("text", text));
      co_return;
    }
    for (const ServiceSpec* spec : specs) services.push_back(supervisor_.find(spec->name));
  }
  const bool everything = services.empty();
  if (question.is("status")) {
    (void)socket.send(status());
    co_return;
  }
  if (question.is("stop")) {
    co_await stop(socket, std::move(services), everything);
    co_return;
  }
  if (question.is("renew")) {
    co_await renew(socket);
    co_return;
  }
  const bool starts = question.is("start") || question.is("restart");
  if (!starts && !question.is("reload")) {
    (void)socket.send(Record("error").set("text", "watcher does not know '" + question.verb() + "'"));
    co_return;
  }
  if (const std::string wrong = reload(); !wrong.empty()) {
    (void)socket.send(Record("error").set("text", wrong));
    co_return;
  }
  if (everything) services = supervisor_.enabled();
  if (starts) {
    for (const auto& service : supervisor_.services())  // also what was started by its name only
      if (everything && service->wanted && std::ranges::find(services, service.get()) == services.end())
        services.push_back(service.get());
    auto tell = teller(socket);
    const auto free = co_await make_way(everything, std::move(tell));
    if (!free) {
      (void)socket.send(Record("error").set("text", free.error().text));
      co_return;
    }
    co_await start(socket, std::move(services), question.is("restart"));
    co_return;
  }
  co_await reload_services(socket, std::move(services));
}

// Each tells what became of it; one that does not is told of as silent when the time is over.
Task<void> Control::reload_services(PacketSocket& socket, std::vector<Service*> services) {
  std::erase_if(services, [](Service* s) { return !s->process || s->spec->readiness != Readiness::says_so; });
  for (Service* service : services) {
    service->reloaded.reset();
    service->process->signal(SIGHUP);
  }
  const std::int64_t until = monotonic_ms() + kReloadMs;
  bool well = true;
  while (!services.empty()) {
    for (auto at = services.begin(); at != services.end();) {
      Service& service = **at;
      const bool silent = !service.process || monotonic_ms() >= until;
      if (!service.reloaded && !silent) {
        ++at;
        continue;
      }
      Record progress = service.reloaded.value_or(Record("reloaded"));
      const bool refused = !progress.get("trouble").empty();
      well = well && service.reloaded && !refused;
      Record told("progress");
      told.set("name", service.spec->name);
      told.set("state", !service.reloaded ? "silent" : refused ? "refused" : "reloaded");
      for (const char* field : {"changed", "wants_restart", "trouble"}) told.set(field, progress.get(field));
      (void)socket.send(told);
      at = services.erase(at);
    }
    if (!services.empty())
      co_await supervisor_.changed().wait(std::max<std::int64_t>(1, until - monotonic_ms()));
  }
  (void)socket.send(Record(well ? "done" : "failed"));
}

// Waits until no service is on its way up or down: what is said to the old program is not heard by the new
// one.
Task<void> Control::renew(PacketSocket& socket) {
  const auto moving = [](const std::unique_ptr<Service>& s) {
    return s->state == ServiceState::starting || s->state == ServiceState::stopping;
  };
  while (std::ranges::any_of(supervisor_.services(), moving)) co_await supervisor_.changed().wait(1000);
  if (const std::string wrong = reload(); !wrong.empty()) {  // the new program would not start with it
    (void)socket.send(Record("error").set("text", wrong));
    co_return;
  }
  Inheritance handed{listener_, lock_, {}};
  for (const auto& service : supervisor_.services())
    if (service->wanted)
      handed.services.push_back(
          {std::string(service->spec->name), service->process ? service->process->pid() : 0});
  // One that does not run at all would leave every service without a watcher, and one that has another journal could
  // start none again.
  auto trial = Process::start(
      {supervisor_.program_path("watcher"), "--trial", "--instance", supervisor_.config().root()},
      "/dev/null", "/");
  std::string outcome = trial ? "" : trial.error().text;
  if (trial) {
    co_await loop_.readable(trial->pidfd(), kTrialMs);
    outcome = trial->reap();
  }
  if (outcome != "exit status 0") {
    log::Event("watcher.renew.failed").with("why", outcome).error();
    const auto text =
        outcome == fmt::format("exit status {}", kOtherJournal)
            ? "the installed version shares run/journal in another form than the programs that run: run "
              "stop-msg, "
              "then start-msg; until then the old ones go on"
            : "the installed watcher does not run (" + outcome + "); the old one goes on: install again";
    (void)socket.send(Record("error").set("text", text));
    co_return;
  }
  (void)socket.send(Record("done"));
  const Error failed = become_program(supervisor_.program_path("watcher"), arguments_, handed);
  log::Event("watcher.renew.failed").with("why", failed.text).error();
}

Task<void> Control::start(PacketSocket& socket, std::vector<Service*> services, bool again) {
  const auto tell = teller(socket);
  Reporter reporter(supervisor_);
  std::vector<Service*> list;
  for (Service* service : services) add_with_needs(supervisor_, *service, list);
  std::map<Service*, int> deaths_before;
  for (Service* service : list) {
    const bool named = std::ranges::find(services, service) != services.end();
    if (again && named && service->process) {
      supervisor_.restart(*service);
    } else {
      supervisor_.start(*service);
    }
    // A try that is under way by itself began before what was wrong was mended: its death does not count.
    const bool retrying = service->state == ServiceState::starting && service->quick_deaths > 0;
    deaths_before[service] = service->deaths + (retrying ? 1 : 0);
  }
  // Settled: each one runs, has died once on the way, or waits for one that has.
  const auto failed = [&](Service* s) { return s->deaths > deaths_before[s]; };
  const auto settled = [&](Service* s) {
    if (s->state == ServiceState::running || failed(s) || !s->wanted) return true;
    return s->state == ServiceState::waiting && std::ranges::any_of(list, failed);
  };
  for (;;) {
    reporter.tell(tell, supervisor_);
    if (socket.broken() || std::ranges::all_of(list, settled)) break;
    co_await supervisor_.changed().wait(1000);
  }
  Record answer("done");
  if (!std::ranges::all_of(list, [](Service* s) { return s->state == ServiceState::running; })) {
    answer = Record("failed");
    for (Service* service : list) {
      if (service->state == ServiceState::running) continue;
      answer.set(failed(service) ? "name" : "waiting", service->spec->name);
      if (failed(service)) answer.set("trouble", service->trouble);
    }
  }
  (void)socket.send(answer);
}

Task<void> Control::stop(PacketSocket& socket, std::vector<Service*> services, bool everything) {
  if (everything) {
    log::Event("watcher.stopping").notice();
    supervisor_.adopt_living();
    for (const auto& service : supervisor_.services()) services.push_back(service.get());
  }
  auto tell = teller(socket);
  co_await end(std::move(services), std::move(tell));
  (void)socket.send(Record("done"));
  if (everything) loop_.stop();
}

Task<void> Control::end(std::vector<Service*> services, Tell tell) {
  Reporter reporter(supervisor_);
  // Backwards, so that nobody loses what it needs before it has ended itself.
  std::ranges::sort(services, std::greater<>(), [](Service* s) { return s->spec; });
  for (Service* service : services) supervisor_.stop(*service);
  for (;;) {
    reporter.tell(tell, supervisor_);
    if (std::ranges::none_of(services, [](Service* s) { return s->living; })) break;
    co_await supervisor_.changed().wait(1000);
  }
  std::vector<std::string_view> names;
  for (const Service* service : services) names.push_back(service->spec->name);
  Helpers::Tell tell_of_helper = [&tell](std::string_view state, const Helper& helper) {
    Record progress("progress");
    progress.set("name", helper.name).set("state", state).set("pid", helper.process.pid());
    tell(progress);
  };
  co_await supervisor_.end_helpers(std::move(names), std::move(tell_of_helper));
}

Task<Result<>> Control::make_way(bool everything, Tell tell) {
  auto opened = gate_.open(supervisor_.config());
  if (!gate_.others_must_end()) co_return opened;
  if (!everything && !supervisor_.all_stopped())
    co_return permanent(gate_.trouble() + " (start-msg without a name does both)");
  log::Event("watcher.changeover").with("why", gate_.trouble()).notice();
  supervisor_.adopt_living();
  std::vector<Service*> all;
  for (const auto& service : supervisor_.services()) all.push_back(service.get());
  co_await end(std::move(all), std::move(tell));
  gate_.others_have_ended();
  opened = gate_.open(supervisor_.config());
  if (!opened) log::Event("watcher.journal.closed").with("why", opened.error().text).error();
  co_return opened;
}

Record Control::status() const {
  Record answer("status");
  answer.set("watcher", ::getpid()).set("version", build_text());
  answer.set("older", runs_older_program(::getpid(), supervisor_.program_path("watcher")) ? 1 : 0);
  answer.set("journal", gate_.trouble());
  const std::int64_t now = monotonic_ms();
  for (const auto& service : supervisor_.services()) {
    const bool enabled = is_enabled(*service->spec, supervisor_.config());
    if (!enabled && !service->living) continue;
    answer.set("service", service->spec->name).set("state", state_name(service->state));
    answer.set("pid", service->process ? service->process->pid() : 0);
    answer.set("seconds", service->process ? (now - service->started_ms) / 1000 : 0);
    answer.set("deaths", service->deaths)
        .set("startup_ms", service->startup_ms)
        .set("trouble", service->trouble);
    const bool older = service->process && runs_older_program(service->process->pid(),
                                                              supervisor_.program_path(service->spec->name));
    answer.set("service_older", older ? 1 : 0);
    const bool speaks = service->process && service->gives_signs;
    answer.set("silent_s", speaks ? (now - service->last_sign_ms) / 1000 : 0);
  }
  for (const auto& service : supervisor_.services())
    if (service->process && service->reloaded && !service->reloaded->get("wants_restart").empty())
      answer.set("restart", service->spec->name).set("for", service->reloaded->get("wants_restart"));
  for (const auto& helper : supervisor_.helpers().all())
    answer.set("helper", helper->name)
        .set("helper_pid", helper->process.pid())
        .set("helper_silent_s", helper->mute ? 0 : (now - helper->last_sign_ms) / 1000);
  return answer;
}

}  // namespace waxwing
