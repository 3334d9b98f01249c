#include "t/bench/load/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <thread>

#include "common/base/strings.h"

namespace waxwing::bench {

double ms_since(Clock::time_point begun) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
}

Supply::Supply(const Options& options) : end_(Clock::time_point::max()), count_(options.number("count")) {
  if (count_ == 0) {
    count_ = std::numeric_limits<std::int64_t>::max();
    end_ = Clock::now() + std::chrono::milliseconds(options.number("seconds") * 1000);
  }
}

bool Supply::over() const {
  return next_ >= count_ || Clock::now() >= end_;
}

bool Supply::next(std::int64_t& number) {
  if (Clock::now() >= end_) return false;
  number = next_++;
  return number < count_;
}

void Tally::failed(const std::string& what) {
  errors += 1;
  if (first_error.empty()) first_error = what;
}

void Tally::take(Tally other) {
  for (auto& [operation, list] : other.ms) {
    auto& all = ms[operation];
    all.insert(all.end(), list.begin(), list.end());
  }
  errors += other.errors;
  if (first_error.empty()) first_error = std::move(other.first_error);
}

Run run_threads(const Options& options, const Worker& worker) {
  constexpr std::uint64_t kMostErrors = 100;
  std::vector<Tally> tallies(static_cast<std::size_t>(options.number("conns")));
  std::vector<std::thread> threads;
  Run run;
  const auto before = measure(options);
  const auto begun = Clock::now();
  Supply supply(options);
  for (std::size_t i = 0; i < tallies.size(); ++i)
    threads.emplace_back([&, i] {
      auto& tally = tallies[i];
      while (!supply.over() && tally.errors < kMostErrors) try {
          worker(static_cast<int>(i), supply, tally);
        } catch (const std::exception& problem) {
          tally.failed(problem.what());
        }
    });
  for (auto& thread : threads) thread.join();
  run.seconds = ms_since(begun) / 1000;
  run.usage = measure(options) - before;
  for (auto& tally : tallies) run.tally.take(std::move(tally));
  return run;
}

double percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

namespace {
std::string quoted(const std::string& text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') json += '\\';
    json += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return json + '"';
}

std::string operations(std::map<std::string, std::vector<float>>& ms) {
  std::string json;
  for (auto& [name, list] : ms) {
    if (name.empty()) continue;
    json += fmt::format("{}{}:[{},{:.3f},{:.3f}]", json.empty() ? "" : ",", quoted(name), list.size(),
                        percentile(list, 0.5), percentile(list, 0.99));
  }
  return json;
}
}  // namespace

std::string report(const Options& options, const Run& run, const std::string& unit,
                   const std::vector<std::pair<std::string, double>>& more) {
  auto ms = run.tally.ms;
  auto& own = ms[""];
  const double n = static_cast<double>(std::max<std::size_t>(own.size(), 1));
  const auto per = [&](double amount) { return amount / n; };
  auto json = fmt::format(R"({{"workload":{},"figure":{},"value":{:.1f},"unit":{},"n":{},"seconds":{:.2f})",
                          quoted(options.text("w")), quoted(options.text("figure")),
                          static_cast<double>(own.size()) / std::max(run.seconds, 1e-9), quoted(unit),
                          own.size(), run.seconds);
  json += fmt::format(R"(,"p50_ms":{:.3f},"p99_ms":{:.3f},"max_ms":{:.3f})", percentile(own, 0.5),
                      percentile(own, 0.99), percentile(own, 1));
  const auto& used = run.usage;
  json += fmt::format(R"(,"server_cpu_us":{:.1f},"generator_cpu_us":{:.1f},"rest_cpu_us":{:.1f})",
                      per(used.server_s * 1e6), per(used.generator_s * 1e6),
                      per(std::max(0.0, used.busy_s - used.server_s - used.generator_s) * 1e6));
  json += fmt::format(R"(,"flushes":{:.2f},"disk_writes":{:.2f},"disk_kb":{:.2f})",
                      per(static_cast<double>(used.flushes)), per(static_cast<double>(used.writes)),
                      per(static_cast<double>(used.written_bytes) / 1024));
  for (const auto& [name, value] : more) json += fmt::format(",{}:{:.3f}", quoted(name), value);
  if (const auto rows = operations(ms); !rows.empty()) json += ",\"operations\":{" + rows + "}";
  json += fmt::format(",\"errors\":{}", run.tally.errors);
  if (run.tally.errors) json += ",\"first_error\":" + quoted(run.tally.first_error);
  return json + "}";
}

}  // namespace waxwing::bench
