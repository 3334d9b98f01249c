// A run: so many threads, each with a connection of its own, as fast as the server answers (a closed loop).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "t/bench/load/meters.h"
#include "t/bench/load/options.h"

namespace waxwing::bench {

using Clock = std::chrono::steady_clock;
double ms_since(Clock::time_point begun);

// Hands out the numbers of operations until the time or the count is over. Thread-safe.
class Supply {
 public:
  explicit Supply(const Options& options);
  bool over() const;
  bool next(std::int64_t& number);  // false: nothing more

 private:
  Clock::time_point end_;
  std::int64_t count_;
  std::atomic<std::int64_t> next_{0};
};

// What one thread has seen; all threads' together at the end.
struct Tally {
  std::map<std::string, std::vector<float>> ms;  // by operation; "" for the workload's own
  std::uint64_t errors = 0;
  std::string first_error;

  void add(float milliseconds, const std::string& operation = "") { ms[operation].push_back(milliseconds); }
  void failed(const std::string& what);
  void take(Tally other);
};

struct Run {
  Tally tally;
  Usage usage;
  double seconds = 0;
};

// A worker is called again and again until the supply is over: one call is one connection's life. What it
// throws counts as an error; a thread whose worker fails a hundred times gives up.
using Worker = std::function<void(int thread, Supply& supply, Tally& tally)>;
Run run_threads(const Options& options, const Worker& worker);

// One line of JSON: the rate of the operation "", its percentiles, CPU and flushes for each, and more.
std::string report(const Options& options, const Run& run, const std::string& unit,
                   const std::vector<std::pair<std::string, double>>& more = {});
double percentile(std::vector<float>& sorted_or_not, double share);

}  // namespace waxwing::bench
