// Which worker gets the next connection: the rule of dispatcher.cnf(5), free of processes and sockets.
#pragma once

#include <cstdint>
#include <span>

#include "dispatcher/settings.h"

namespace waxwing::dispatcher {

struct WorkerLoad {
  std::int64_t active = 0;  // connections it holds, handed-over ones included
  std::int64_t handed = 0;  // since its start
  std::int64_t age_s = 0;
  std::int64_t idle_s = 0;  // since it last held a connection
  bool draining = false;
};

// Whether one more worker is wanted: fewer than MIN_PROCS serve, or every serving one holds MIN_CONNS.
// Draining workers do not count against MAX_PROCS: they only finish.
bool wants_worker(const ServiceSettings& settings, std::span<const WorkerLoad> workers);

// Index of the worker that takes the next connection, or -1 when all are full: the least loaded.
int pick_worker(const ServiceSettings& settings, std::span<const WorkerLoad> workers);

// Index of a worker that should drain now (too old, served enough, or idle beyond MIN_PROCS), or -1. At
// most MAX_SHUTDOWN drain at once.
int pick_retired(const ServiceSettings& settings, std::span<const WorkerLoad> workers);

}  // namespace waxwing::dispatcher
