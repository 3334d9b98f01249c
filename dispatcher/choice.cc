#include "dispatcher/choice.h"

namespace waxwing::dispatcher {

bool wants_worker(const ServiceSettings& settings, std::span<const WorkerLoad> workers) {
  int serving = 0;
  bool all_busy = true;
  for (const auto& worker : workers) {
    if (worker.draining) continue;
    ++serving;
    if (worker.active < settings.min_conns) all_busy = false;
  }
  if (serving >= settings.max_procs) return false;
  return serving < settings.min_procs || all_busy;
}

int pick_worker(const ServiceSettings& settings, std::span<const WorkerLoad> workers) {
  int best = -1;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const auto& worker = workers[i];
    if (worker.draining || worker.active >= settings.max_conns) continue;
    if (best < 0 || worker.active < workers[static_cast<std::size_t>(best)].active)
      best = static_cast<int>(i);
  }
  return best;
}

int pick_retired(const ServiceSettings& settings, std::span<const WorkerLoad> workers) {
  int draining = 0, serving = 0;
  for (const auto& worker : workers) ++(worker.draining ? draining : serving);
  if (draining >= settings.max_shutdown) return -1;
  for (std::size_t i = 0; i < workers.size(); ++i) {
    const auto& worker = workers[i];
    if (worker.draining) continue;
    const bool spent = worker.handed >= settings.max_life_conns || worker.age_s >= settings.max_life_time_s;
    const bool surplus =
        serving > settings.min_procs && worker.active == 0 && worker.idle_s >= settings.max_idle_time_s;
    if (spent || surplus) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace waxwing::dispatcher
