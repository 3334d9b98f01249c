#include "tools/service/progress.h"

#include <fmt/core.h>

#include "common/base/strings.h"
#include "tools/service/watcher_client.h"
#include "watcher/services.h"

namespace waxwing {

void show_progress(const Record& progress) {
  const std::string name(progress.get("name"));
  const auto state = progress.get("state");
  if (state == "running") {
    fmt::print("  {:<16} ready     pid {:<8} {:.2f} s\n", name, progress.get("pid"),
               progress.number("ms") / 1000.0);
  } else if (state == "failed") {
    fmt::print("  {:<16} FAILED    {}\n", name, progress.get("trouble"));
  } else if (state == "stopped" || state == "stopping") {
    fmt::print("  {:<16} {}\n", name, state);
  }
  std::fflush(stdout);
}

std::map<std::string, std::size_t> log_sizes(const std::string& root) {
  std::map<std::string, std::size_t> sizes;
  for (const auto& service : service_table()) {
    const std::string name(service.name);
    sizes[name] = log_size(root, name);
  }
  return sizes;
}

void tell_errors(const std::string& root, const std::map<std::string, std::size_t>& logs_before) {
  constexpr std::size_t kMostLines = 20;
  for (const auto& [name, before] : logs_before)
    for (const auto& line : last_log_lines(root, name, kMostLines, before)) {
      const auto words = split_words(line);  // time program[pid] level event fields
      if (words.size() > 2 && (words[2] == "error" || words[2] == "critical"))
        fmt::print(stderr, "  log/{}.log: {}\n", name, line);
    }
}

void explain_failure(const std::string& program, const std::string& root, const Record& answer,
                     const std::map<std::string, std::size_t>& logs_before) {
  const auto names = answer.all("name"), troubles = answer.all("trouble");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name(names[i]);
    fmt::print(stderr, "{}: {} did not start: {}\n", program, name, troubles[i]);
    const auto before = logs_before.find(name);
    const auto lines = last_log_lines(root, name, 10, before == logs_before.end() ? 0 : before->second);
    if (!lines.empty()) fmt::print(stderr, "  last lines of {}/log/{}.log:\n", root, name);
    for (const auto& line : lines) fmt::print(stderr, "    {}\n", line);
  }
  for (const auto name : answer.all("waiting")) fmt::print(stderr, "{}: {} waits for it\n", program, name);
  fmt::print(stderr, "watcher goes on trying; mend it and run start-msg again, or give up with stop-msg\n");
}

}  // namespace waxwing
