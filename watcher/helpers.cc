#include "watcher/helpers.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing {

namespace {

constexpr std::size_t kMostBytes = 1 << 20;

// By what its service has put into its environment.
std::string_view service_of(pid_t pid) {
  static constexpr std::pair<std::string_view, std::string_view> kMarks[] = {
      {"WAXWING_JOB=", "job_controller"}, {"WAXWING_SERVICE=", "dispatcher"}};
  const auto text = read_file(fmt::format("/proc/{}/environ", pid), kMostBytes);
  if (!text) return {};
  for (const auto word : split(*text, '\0'))
    for (const auto& [mark, service] : kMarks)
      if (word.starts_with(mark)) return service;
  return {};
}

// The program after "--instance root"; what such a program runs itself has its environment but not this.
std::string name_of(pid_t pid, const std::string& root) {
  const auto text = read_file(fmt::format("/proc/{}/cmdline", pid), kMostBytes);
  if (!text) return {};
  const auto words = split(*text, '\0');
  for (std::size_t i = 1; i + 1 < words.size(); ++i)
    if (words[i] == "--instance" && words[i + 1] == root)
      return std::string(words[0].substr(words[0].rfind('/') + 1));
  return {};
}

std::vector<pid_t> pids_of(const std::string& root) {
  std::vector<pid_t> pids;
  const auto names = list_directory("/proc");
  if (!names) return pids;
  for (const auto& name : *names)
    if (const auto pid = to_number<pid_t>(name))
      if (!name_of(*pid, root).empty() && !service_of(*pid).empty()) pids.push_back(*pid);
  return pids;
}

bool has_ended(const Process& process) {
  pollfd one{process.pidfd(), POLLIN, 0};
  return ::poll(&one, 1, 0) == 1;
}

void log_kill(const Helper& helper, const char* why) {
  log::Event("watcher.kill")
      .with("service", helper.name)
      .with("pid", helper.process.pid())
      .with("why", why)
      .error();
}

}  // namespace

std::vector<std::string> running_helpers(const std::string& root) {
  std::vector<std::string> names;
  for (const auto pid : pids_of(root)) names.push_back(fmt::format("{} (pid {})", name_of(pid, root), pid));
  return names;
}

Helpers::Helpers(EventLoop& loop, std::string root) : loop_(loop), root_(std::move(root)) {
  look();
}

void Helpers::look() {
  for (const auto pid : pids_of(root_))
    if (find(pid) == nullptr) admit(pid);
}

std::shared_ptr<Helper> Helpers::find(pid_t pid) const {
  const auto at = std::ranges::find_if(helpers_, [&](auto& helper) { return helper->process.pid() == pid; });
  return at == helpers_.end() ? nullptr : *at;
}

std::shared_ptr<Helper> Helpers::admit(pid_t pid) {
  const auto name = name_of(pid, root_);
  const auto service = service_of(pid);
  auto process = name.empty() || service.empty() ? std::nullopt : Process::adopt(pid, name, root_);
  if (!process) return nullptr;
  helpers_.push_back(
      std::make_shared<Helper>(name, std::string(service), std::move(*process), monotonic_ms(), false));
  return helpers_.back();
}

void Helpers::on_alive(pid_t pid) {
  auto helper = find(pid);
  if (helper && has_ended(helper->process)) {  // its number is another's now
    std::erase(helpers_, helper);
    helper.reset();
  }
  if (!helper) helper = admit(pid);
  if (helper) helper->last_sign_ms = monotonic_ms();
}

void Helpers::on_stopping(pid_t pid) {
  if (const auto helper = find(pid)) helper->mute = true;
}

void Helpers::check(std::int64_t silence_ms) {
  std::erase_if(helpers_, [](auto& helper) { return has_ended(helper->process); });
  for (auto& helper : helpers_) {
    if (helper->mute || silence_ms <= 0 || monotonic_ms() - helper->last_sign_ms <= silence_ms) continue;
    log_kill(*helper, "gave no sign of life");
    helper->mute = true;
    helper->process.signal(SIGKILL);
  }
}

Task<void> Helpers::end(std::vector<std::string_view> services, std::int64_t timeout_ms, Tell tell) {
  look();
  const auto until = monotonic_ms() + timeout_ms;
  auto leaving = helpers_;
  std::erase_if(leaving, [&](auto& helper) {
    return has_ended(helper->process) || std::ranges::find(services, helper->service) == services.end();
  });
  for (auto& helper : leaving) {
    tell("finishing", *helper);
    helper->process.signal(SIGTERM);
  }
  for (auto& helper : leaving) {
    const int end = helper->process.pidfd();
    const auto left_ms = std::max<std::int64_t>(0, until - monotonic_ms());
    co_await loop_.readable(end, left_ms);
    if (!has_ended(helper->process)) {
      tell("killed", *helper);
      log_kill(*helper, "did not end in time");
      helper->process.signal(SIGKILL);
      co_await loop_.readable(end, -1);
    }
    tell("stopped", *helper);
  }
}

}  // namespace waxwing
