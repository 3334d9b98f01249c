// job_controller.cnf: pools of jobs, and which program serves which channel. Man page: job_controller.cnf(5).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "job_controller/delivery_window.h"

namespace waxwing::job_controller {

struct Pool {
  std::string name;
  unsigned job_limit = 10;
  std::array<DeliveryWindow, 3> windows;  // by priority: when it may be tried
};

struct PeriodicJob {
  std::string name;
  std::string command;
  DailyTimes times;
};

struct ChannelSection {
  std::string pattern;  // channel name; '*' stands for anything: "tcp_*"
  std::string master_command;
  std::int64_t max_life_seconds = 14400;
  std::uint64_t max_life_messages = 1'000'000;
  std::int64_t max_idle_seconds = 300;
};

struct ControllerConfig {
  std::size_t max_messages = 100'000;  // in memory; what is beyond stays in the tree until there is room
  std::int64_t synch_seconds = 600;    // between two looks at the whole tree
  std::vector<Pool> pools;             // the first serves channels that name none
  std::vector<ChannelSection> channels;
  std::vector<PeriodicJob> periodic_jobs;
  std::vector<std::string> warnings;  // options that are known and have no effect here, one a line

  // All errors, one a line, each with the line's number. An empty text gives the defaults and no channel.
  static Result<ControllerConfig> parse(std::string_view text);
  // A section of exactly that name, else the first whose wildcards fit, else null.
  const ChannelSection* section(std::string_view channel) const;
  const Pool& pool(std::string_view name) const;  // the first when name is empty or unknown
};

}  // namespace waxwing::job_controller
