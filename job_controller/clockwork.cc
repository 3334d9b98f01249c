// What the job controller does at times of the day: delivery windows open and close, periodic jobs run.
#include <algorithm>

#include "common/base/time.h"
#include "common/log/log.h"
#include "job_controller/controller.h"
#include "job_controller/launcher.h"

namespace waxwing::job_controller {

namespace {
// A clock that was set forward must not start a day's jobs at once.
constexpr std::int64_t kMostMinutesAtOnce = 15;
}  // namespace

std::array<bool, 3> Controller::openings(const std::string& channel) {
  const auto& windows = config_.pool(policy_of(channel).pool).windows;
  const auto minute = local_minute_of_week(wall_seconds());
  std::array<bool, 3> open{};
  std::ranges::transform(windows, open.begin(), [&](const auto& window) { return window.is_open(minute); });
  return open;
}

void Controller::each_minute() {
  const auto now = wall_seconds() / 60;
  if (now == minute_) return;
  for (auto minute = std::max(minute_ + 1, now - kMostMinutesAtOnce); minute <= now; ++minute) {
    const auto of_day = local_minute_of_week(minute * 60) % kMinutesADay;
    for (const auto& job : config_.periodic_jobs)
      if (job.times.is_due(of_day)) run_periodic(job);
  }
  minute_ = now;
  schedule_.refresh_openings();  // tick() looks at every channel next
}

// One at a time of each: a job that takes longer than its interval is not started again meanwhile.
void Controller::run_periodic(const PeriodicJob& job) {
  const auto failed = [&](const std::string& why) {
    log::Event("job.periodic_failed").with("job", job.name).with("why", why).error();
  };
  if (const auto runs = periodic_.find(job.name); runs != periodic_.end())
    return failed("the last run has not ended yet: pid " + std::to_string(runs->second));
  const auto argv = resolve_command(daemon_.config()->root(), job.command);
  if (!argv) return failed(argv.error().text);
  const auto pid = launch(daemon_.loop(), *argv, {{"WAXWING_ROOT", daemon_.config()->root()}},
                          [this, name = job.name](bool clean, const std::string& how) {
                            periodic_.erase(name);
                            auto event = log::Event("job.periodic_ended");
                            event.with("job", name).with("how", how);
                            clean ? event.information() : event.error();
                          });
  if (!pid) return failed(pid.error().text);
  periodic_[job.name] = *pid;
  log::Event("job.periodic_started").with("job", job.name).with("pid", *pid).information();
}

}  // namespace waxwing::job_controller
