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
  auto* file = find_file(name);
  if (file == nullptr) return false;
  busy = file->in_flight > 0 || file->renaming;
  if (busy) return false;
  drop_file(*file);
  return true;
}

// A host that is down keeps units ready or waiting; when none waits, nearly every such host has ready ones.
Schedule::Unit* Schedule::least_useful(std::int64_t now_ms) const {
  if (!waiting_.empty() && waiting_.rbegin()->first > now_ms + kMinute) return waiting_.rbegin()->second;
  for (auto at = blocked_.rbegin(); at != blocked_.rend(); ++at) {
    for (const auto& line : at->second->lines)  // the lowest priority first, the last that came
      if (!line.empty()) return line.last;
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
  auto* file = find_file(name);
  if (file == nullptr) return false;
  for (std::uint32_t i = 0; i < file->unit_count; ++i) {
    auto& unit = file->units()[i];
    // One that is just given out finds the wish in the file.
    if (unit.state == State::done || unit.state == State::in_flight) continue;
    leave_state(unit);
    unit.mode = Mode::give_back;
    make_ready(unit);
  }
  return true;
}

void Schedule::retry_now(const FileName& name) {
  auto* file = find_file(name);
  if (file == nullptr || file->attempts == 0) return;
  for (std::uint32_t i = 0; i < file->unit_count; ++i)
    if (file->units()[i].state == State::waiting) make_ready(file->units()[i]);
}

void Schedule::set_stopped(const std::string& channel, bool stopped) {
  channel_of(channel).stopped = stopped;
}

bool Schedule::is_stopped(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel != nullptr && channel->stopped;
}

void Schedule::retry_now(const std::string& name) {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return;
  for (const auto& [host, destination] : at->second->hosts) {
    while (!destination->waiting.empty()) make_ready(*destination->waiting.first);
    unblock(*destination);
    activate(*destination);
  }
}

std::size_t Schedule::call(Destination& destination) {
  while (!destination.waiting.empty()) make_ready(*destination.waiting.first);
  unblock(destination);
  if (destination.ready + destination.parked > 0) destination.called = true;
  activate(destination);
  return destination.ready + destination.parked + destination.in_flight;
}

std::size_t Schedule::call(const std::string& name, const std::string& host) {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return 0;
  const auto destination = at->second->hosts.find(host);
  return destination == at->second->hosts.end() ? 0 : call(*destination->second);
}

std::size_t Schedule::call_all(const std::string& name) {
  const auto at = channels_.find(name);
  if (at == channels_.end()) return 0;
  std::size_t units = 0;
  for (const auto& [host, destination] : at->second->hosts) units += call(*destination);
  return units;
}

// What was asked for has been tried; what could not be delivered waits until it is asked for again.
void Schedule::end_call(Destination& destination) {
  if (destination.ready == 0 && destination.parked == 0 && destination.in_flight == 0)
    destination.called = false;
}

std::vector<std::string> Schedule::hosts(const std::string& name) const {
  std::vector<std::string> names;
  if (const auto* channel = find_channel(name))
    for (const auto& [host, destination] : channel->hosts) names.push_back(host);
  return names;
}

void Schedule::set_openings(Openings openings) {
  openings_ = std::move(openings);
  refresh_openings();
}

void Schedule::refresh_openings() {
  if (!openings_) return;
  for (const auto& [name, channel] : channels_) channel->open = openings_(name);
}

void Schedule::reload_policies() {
  for (const auto& [name, channel] : channels_) {
    channel->policy = policies_(name);
    // A channel that was on demand may have mail that nobody will ask for.
    for (const auto& [host, destination] : channel->hosts) activate(*destination);
  }
}

const ChannelPolicy& Schedule::policy(const std::string& channel) {
  return channel_of(channel).policy;
}

std::size_t Schedule::ready(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel == nullptr || channel->stopped ? 0 : channel->ready_in_open_windows().units;
}

std::size_t Schedule::ready_recipients(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel == nullptr || channel->stopped ? 0 : channel->ready_in_open_windows().recipients;
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
  counts.files = channel->files.size();
  counts.ready = channel->ready.units + channel->parked;
  counts.waiting = channel->waiting;
  counts.in_flight = channel->in_flight;
  counts.bytes = channel->bytes;
  counts.hosts = channel->hosts.size();
  counts.stopped = channel->stopped;
  counts.on_demand = channel->policy.on_demand;
  for (std::size_t p = 0; p < channel->open.size(); ++p)
    counts.closed |= !channel->open[p] && channel->ready_of[p].units > 0;
  for (const auto& [host, destination] : channel->hosts) {
    if (destination->blocked_until_ms == 0) continue;
    counts.hosts_down += 1;
    counts.down += destination->ready;
  }
  return counts;
}

void Schedule::view(const std::string& name, const std::function<void(const UnitView&)>& visit) const {
  const auto* channel = find_channel(name);
  if (channel == nullptr) return;
  for (const auto& file : channel->files)
    for (std::uint32_t i = 0; i < file->unit_count; ++i)
      if (file->units()[i].state != State::done) visit(view_of(file->units()[i]));
}

void Schedule::view(const FileName& name, const std::function<void(const UnitView&)>& visit) const {
  const auto* file = find_file(name);
  if (file == nullptr) return;
  for (std::uint32_t i = 0; i < file->unit_count; ++i)
    if (file->units()[i].state != State::done) visit(view_of(file->units()[i]));
}

UnitView Schedule::view_of(const Unit& unit) {
  const auto& destination = *unit.destination;
  UnitView row;
  row.file = unit.file->name().relative();
  row.host = *destination.host;
  const bool down = destination.blocked_until_ms != 0;
  row.state = unit.state == State::in_flight                                              ? "active"
              : unit.mode == Mode::give_back                                              ? "return"
              : unit.state == State::waiting                                              ? "deferred"
              : down                                                                      ? "host-down"
              : unit.mode != Mode::attempt                                                ? "ready"
              : !may_be_tried(destination)                                                ? "on-demand"
              : !destination.channel->open[static_cast<std::size_t>(unit.file->priority)] ? "window"
                                                                                          : "ready";
  row.priority = unit.file->priority;
  row.attempts = unit.attempts;
  row.arrival_ms = unit.file->arrival_ms;
  row.due_ms = unit.state == State::waiting         ? unit.due_ms
               : down && unit.state == State::ready ? destination.blocked_until_ms
                                                    : 0;
  row.why_down = destination.why_down();
  row.bytes = unit.file->bytes;
  return row;
}

}  // namespace waxwing::job_controller
