// What operators ask of the schedule, and what it tells them.
#include <algorithm>

#include "job_controller/schedule.h"
#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kMinute = 60'000;
}

bool Schedule::forget(const FileName& name, bool& busy) {
  busy = false;
  const auto at = files_.find(name.key());
  if (at == files_.end()) return false;
  busy = at->second->in_flight > 0;
  if (busy) return false;
  drop_file(*at->second);
  return true;
}

// A host that is down keeps units ready or waiting; when none waits, nearly every such host has ready ones.
Schedule::Unit* Schedule::least_useful(std::int64_t now_ms) const {
  if (!waiting_.empty() && waiting_.rbegin()->first > now_ms + kMinute) return waiting_.rbegin()->second;
  for (auto at = blocked_.rbegin(); at != blocked_.rend(); ++at) {
    auto& destination = *at->second;
    for (auto& queue : destination.queues) {  // the lowest priority first, the last that came
      while (!queue.empty() && resolve(*destination.channel, queue.back()) == nullptr) queue.pop_back();
      if (!queue.empty()) return resolve(*destination.channel, queue.back());
    }
  }
  return nullptr;
}

bool Schedule::make_room(std::int64_t now_ms) {
  auto* unit = least_useful(now_ms);
  if (unit == nullptr || unit->file->in_flight > 0) return false;
  drop_file(*unit->file);
  return true;
}

bool Schedule::give_back(const FileName& name) {
  const auto at = files_.find(name.key());
  if (at == files_.end() || at->second->in_flight > 0) return false;
  for (const auto& unit : at->second->units) {
    make_waiting(*unit, 0);
    unit->mode = Mode::give_back;
    make_ready(*unit);
  }
  return true;
}

void Schedule::set_stopped(const std::string& channel, bool stopped) {
  channel_of(channel).stopped = stopped;
}

bool Schedule::is_stopped(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel != nullptr && channel->stopped;
}

void Schedule::retry_now(const std::string& name, std::int64_t) {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return;
  for (const auto& [id, unit] : at->second->units)
    if (unit->state == State::waiting) make_ready(*unit);
  for (const auto& [host, destination] : at->second->hosts) {
    if (destination->blocked_until_ms == 0) continue;
    unblock(*destination);
    activate(*destination);
  }
}

void Schedule::reload_policies() {
  for (const auto& [name, channel] : channels_) channel->policy = policies_(name);
}

const ChannelPolicy& Schedule::policy(const std::string& channel) {
  return channel_of(channel).policy;
}

std::size_t Schedule::ready(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel == nullptr || channel->stopped ? 0 : channel->ready;
}

std::vector<std::string> Schedule::channels() const {
  std::vector<std::string> names;
  for (const auto& [name, channel] : channels_) names.push_back(name);
  std::ranges::sort(names);
  return names;
}

ChannelCounts Schedule::counts(const std::string& name) const {
  ChannelCounts counts;
  const auto* channel = find_channel(name);
  if (channel == nullptr) return counts;
  counts.files = channel->files;
  counts.ready = channel->ready;
  counts.waiting = channel->waiting;
  counts.in_flight = channel->in_flight;
  counts.bytes = channel->bytes;
  counts.hosts = channel->hosts.size();
  counts.stopped = channel->stopped;
  counts.hosts_down = static_cast<std::size_t>(std::ranges::count_if(
      channel->hosts, [](const auto& row) { return row.second->blocked_until_ms != 0; }));
  return counts;
}

void Schedule::view(const std::string& name, const std::function<void(const UnitView&)>& visit) const {
  const auto* channel = find_channel(name);
  if (channel == nullptr) return;
  for (const auto& [id, unit] : channel->units) {
    UnitView row;
    row.file = unit->file->name.relative();
    row.host = unit->destination->host;
    const bool down = unit->destination->blocked_until_ms != 0;
    row.state = unit->state == State::in_flight ? "active"
                : unit->state == State::waiting ? "deferred"
                : down                          ? "host-down"
                                                : "ready";
    row.priority = unit->file->priority;
    row.attempts = unit->attempts;
    row.arrival_ms = unit->file->arrival_ms;
    row.due_ms = unit->state == State::waiting         ? unit->due_ms
                 : down && unit->state == State::ready ? unit->destination->blocked_until_ms
                                                       : 0;
    row.why_down = unit->destination->why_down;
    row.bytes = unit->file->bytes;
    visit(row);
  }
}

std::vector<FileName> Schedule::files() const {
  std::vector<FileName> names;
  names.reserve(files_.size());
  for (const auto& [key, file] : files_) names.push_back(file->name);
  return names;
}

std::optional<FileName> Schedule::name_of(const FileName& name) const {
  const auto at = files_.find(name.key());
  if (at == files_.end()) return std::nullopt;
  return at->second->name;
}

}  // namespace waxwing::job_controller
