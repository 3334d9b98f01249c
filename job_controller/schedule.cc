#include "job_controller/schedule.h"

#include <algorithm>

#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
std::size_t index_of(Priority priority) {
  return static_cast<std::size_t>(priority);
}
std::uint16_t at_most_16_bits(unsigned count) {
  return static_cast<std::uint16_t>(std::min(count, 65535U));
}
}  // namespace

const char* mode_name(Mode mode) {
  return mode == Mode::attempt ? "try" : mode == Mode::notify ? "notify" : "return";
}

Schedule::Schedule(PolicySource policies, Rename rename)
    : policies_(std::move(policies)), rename_(std::move(rename)) {}
Schedule::~Schedule() = default;

Schedule::Channel& Schedule::channel_of(const std::string& name) {
  auto& slot = channels_[name];
  if (!slot) {
    slot = std::make_unique<Channel>();
    slot->name = name;
    slot->policy = policies_(name);
    if (openings_) slot->open = openings_(name);
  }
  return *slot;
}

const Schedule::Channel* Schedule::find_channel(const std::string& name) const {
  const auto at = channels_.find(name);
  return at == channels_.end() ? nullptr : at->second.get();
}

Schedule::Destination& Schedule::destination_of(Channel& channel, const std::string& host) {
  const auto [at, is_new] = channel.hosts.try_emplace(host);
  if (is_new) {
    at->second = std::make_unique<Destination>();
    at->second->host = &at->first;
    at->second->channel = &channel;
  }
  return *at->second;
}

std::int64_t Schedule::first_due_ms(const ScheduleEntry& entry, std::size_t at,
                                    const ChannelPolicy& policy) const {
  const auto& host = entry.hosts[at];
  auto due = entry.arrival_ms + policy.after_seconds * 1000;
  if (host.attempts > 0)
    due = host.last_attempt_ms + policy.backoff_ms(entry.priority, host.attempts);
  else if (!policy.immediate[index_of(entry.priority)])
    due = std::max(due, entry.arrival_ms + policy.backoff_ms(entry.priority, 1));
  due = policy.next_run_ms(entry.priority, std::max(entry.not_before_ms, due));
  // What is to go back by then does not wait for more.
  return entry.by_ms != 0 && entry.by_returns ? std::min(due, entry.by_ms) : due;
}

bool Schedule::add(const ScheduleEntry& entry, std::int64_t now_ms) {
  if (entry.name.held || entry.hosts.empty()) return false;
  auto& channel = channel_of(entry.name.channel);
  if (channel.files.contains(Channel::key_of(entry.name))) return false;
  // Forgotten meanwhile: the name is one that may be gone in a moment. The next look at the tree finds the new one.
  if (!renaming_.empty() && is_renaming(entry.name)) return false;
  auto owned = std::make_unique<File>();
  auto& file = *owned;
  file.id = CompactId(entry.name.id);
  file.copy = number_of_copy(entry.name.copy);
  file.bucket = to_number<std::uint16_t>(entry.name.bucket).value_or(0);
  file.channel = &channel;
  file.seen_in_look = look_;
  file.bytes = entry.size_bytes;
  file.arrival_ms = entry.arrival_ms;
  const auto clock = entry.clock();
  file.has_clock = clock.begun_ms != entry.arrival_ms || clock.by_ms != 0;
  if (file.has_clock) channel.clocks.emplace(&file, clock);
  file.priority = entry.priority;
  file.attempts = file.attempts_in_name = at_most_16_bits(entry.name.attempts);
  file.unit_count = file.units_left = static_cast<std::uint32_t>(entry.hosts.size());
  if (file.unit_count > 1) file.several = std::make_unique<Unit[]>(file.unit_count);
  channel.files.insert(std::move(owned));
  channel.bytes += file.bytes;
  size_ += 1;
  for (std::size_t i = 0; i < entry.hosts.size(); ++i) {
    auto& unit = file.units()[i];
    unit.file = &file;
    unit.destination = &destination_of(channel, entry.hosts[i].host);
    unit.destination->units += 1;
    unit.attempts = at_most_16_bits(entry.hosts[i].attempts);
    unit.notices = at_most_16_bits(entry.hosts[i].notices);
    unit.recipients = at_most_16_bits(entry.hosts[i].recipients);
    if (entry.hosts[i].give_back) unit.mode = Mode::give_back;
    const auto due = entry.hosts[i].give_back ? now_ms : first_due_ms(entry, i, channel.policy);
    if (due > now_ms)
      make_waiting(unit, due);
    else
      make_ready(unit);
  }
  return true;
}

// ---- states ---------------------------------------------------------------------------------------

Schedule::Line& Schedule::line_of(Unit& unit) {
  return unit.mode == Mode::attempt ? unit.destination->lines[index_of(unit.file->priority)]
                                    : unit.file->channel->special;
}

void Schedule::leave_state(Unit& unit) {
  auto& channel = *unit.file->channel;
  switch (unit.state) {
    case State::none:
    case State::done:
      break;
    case State::waiting:
      waiting_.erase({unit.due_ms, &unit});
      unit.destination->waiting.remove(unit);
      channel.waiting -= 1;
      break;
    case State::ready:
      line_of(unit).remove(unit);
      channel.ready.units -= 1;
      channel.ready.recipients -= unit.recipients;
      if (unit.mode != Mode::attempt) break;
      unit.destination->ready -= 1;
      channel.ready_of[index_of(unit.file->priority)].units -= 1;
      channel.ready_of[index_of(unit.file->priority)].recipients -= unit.recipients;
      break;
    case State::parked:
      channel.parked -= 1;
      unit.destination->parked -= 1;
      break;
    case State::in_flight:
      in_flight_.erase(unit.id);
      channel.in_flight -= 1;
      unit.file->in_flight -= 1;
      unit.destination->in_flight -= 1;
      break;
  }
  unit.state = State::none;
}

void Schedule::make_waiting(Unit& unit, std::int64_t due_ms) {
  leave_state(unit);
  unit.state = State::waiting;
  unit.due_ms = due_ms;
  unit.file->channel->waiting += 1;
  unit.destination->waiting.push_back(unit);
  waiting_.emplace(due_ms, &unit);
}

void Schedule::make_ready(Unit& unit) {
  leave_state(unit);
  unit.state = State::ready;
  auto& channel = *unit.file->channel;
  channel.ready.units += 1;
  channel.ready.recipients += unit.recipients;
  line_of(unit).push_back(unit);
  if (unit.mode != Mode::attempt) return;
  unit.destination->ready += 1;
  channel.ready_of[index_of(unit.file->priority)].units += 1;
  channel.ready_of[index_of(unit.file->priority)].recipients += unit.recipients;
  activate(*unit.destination);
}

bool Schedule::may_be_tried(const Destination& destination) {
  if (destination.paced || (destination.blocked_until_ms != 0 && !destination.probing)) return false;
  return destination.called || !destination.channel->policy.on_demand;
}

// Puts the destination into the rings of the priorities it has something ready in.
void Schedule::activate(Destination& destination) {
  if (!may_be_tried(destination)) return;
  for (std::size_t p = 0; p < destination.lines.size(); ++p) {
    if (destination.lines[p].empty() || destination.in_ring[p]) continue;
    destination.in_ring[p] = true;
    destination.channel->rings[p].push_back(&destination);
  }
}

bool Schedule::may_start(const Destination& destination, unsigned per_host) const {
  if (!may_be_tried(destination)) return false;
  if (destination.blocked_until_ms != 0) return destination.probing && destination.in_flight == 0;
  const auto& policy = destination.channel->policy;
  if (destination.window != 0 && destination.in_flight >= destination.window) return false;
  if (policy.host_connections != 0 && destination.in_flight >= policy.host_connections) return false;
  if (per_host == 0) return true;
  const std::size_t depth = std::max(1U, policy.threaddepth);
  const std::size_t backlog = destination.ready + destination.in_flight;
  return destination.in_flight < std::min<std::size_t>(per_host, (backlog + depth - 1) / depth);
}

// ---- work -------------------------------------------------------------------------------------------

// The unit that may start next; null when there is none. Hosts that may not start now are dropped from the
// rings on the way: end of flight, host_up() and make_ready() put them back. So are units whose files are being renamed:
// renamed() makes them ready again.
Schedule::Unit* Schedule::find_ready(Channel& channel, unsigned per_host) {
  while (!channel.special.empty()) {
    if (!channel.special.first->file->renaming) return channel.special.first;
    park(*channel.special.first);
  }
  for (std::size_t p = channel.rings.size(); p-- > 0;) {
    if (!channel.open[p]) continue;
    auto& ring = channel.rings[p];
    while (!ring.empty()) {
      auto& destination = *ring.front();
      auto& line = destination.lines[p];
      while (!line.empty() && line.first->file->renaming) park(*line.first);
      if (!line.empty() && may_start(destination, per_host)) return line.first;
      destination.in_ring[p] = false;
      ring.pop_front();
    }
  }
  return nullptr;
}

// The unit is still in its line, its host at the end of its ring, or out of it when it has nothing more of
// this priority.
Schedule::Unit* Schedule::pop_ready(Channel& channel, unsigned per_host) {
  auto* unit = find_ready(channel, per_host);
  if (unit == nullptr || unit->mode != Mode::attempt) return unit;
  auto& destination = *unit->destination;
  const auto p = index_of(unit->file->priority);
  auto& ring = channel.rings[p];
  ring.pop_front();
  destination.in_ring[p] = unit->behind != nullptr;
  if (destination.in_ring[p]) ring.push_back(&destination);
  return unit;
}

bool Schedule::has_work(const std::string& name, unsigned per_host, std::int64_t now_ms) {
  tick(now_ms);
  const auto at = channels_.find(name);
  return at != channels_.end() && !at->second->stopped && find_ready(*at->second, per_host) != nullptr;
}

std::optional<Assignment> Schedule::take(const std::string& name, unsigned per_host, std::int64_t now_ms) {
  const auto at = channels_.find(name);
  if (at == channels_.end() || at->second->stopped) return std::nullopt;
  auto* unit = pop_ready(*at->second, per_host);
  if (unit == nullptr) return std::nullopt;
  return assign(*unit, now_ms);
}

Assignment Schedule::assign(Unit& unit, std::int64_t now_ms) {
  auto& destination = *unit.destination;
  leave_state(unit);
  unit.state = State::in_flight;
  unit.due_ms = now_ms;
  unit.id = next_unit_++;
  in_flight_.emplace(unit.id, &unit);
  unit.file->channel->in_flight += 1;
  unit.file->in_flight += 1;
  destination.in_flight += 1;
  if (unit.mode == Mode::attempt) {
    destination.probing = false;
    pace(destination, now_ms);
  }
  return {unit.id, unit.file->name().relative(), *destination.host, unit.mode,
          unit.mode == Mode::notify ? destination.why_down() : ""};
}

Schedule::Unit* Schedule::in_flight_unit(std::uint64_t id) {
  const auto at = in_flight_.find(id);
  return at == in_flight_.end() ? nullptr : at->second;
}

void Schedule::done(std::uint64_t id) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& destination = *unit->destination;
  if (unit->mode == Mode::attempt) {
    widen(destination);
    host_up(destination);
  }
  drop_unit(*unit);
}

std::int64_t Schedule::next_try_ms(const Unit& unit, std::int64_t now_ms) {
  const auto& policy = unit.file->channel->policy;
  const auto backoff =
      policy.next_run_ms(unit.file->priority, now_ms + policy.backoff_ms(unit.file->priority, unit.attempts));
  // A warning or the return must not wait for the end of a long backoff time.
  const auto notice = policy.next_notice_ms(unit.file->priority, unit.file->clock(), unit.notices);
  return notice > now_ms ? std::min(backoff, notice) : backoff;
}

void Schedule::deferred(std::uint64_t id, const Deferral& deferral, std::int64_t now_ms) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& file = *unit->file;
  auto& destination = *unit->destination;
  const bool tried = unit->mode == Mode::attempt && deferral.attempted;
  unit->notices = at_most_16_bits(deferral.notices);
  // An operator's word stands until it is done.
  if (unit->mode == Mode::notify) unit->mode = Mode::attempt;
  unit->crashes = 0;
  if (tried) unit->attempts = at_most_16_bits(unit->attempts + 1U);
  file.attempts = std::max(file.attempts, unit->attempts);
  if (!tried && deferral.until_ms == 0)
    make_ready(*unit);  // back into the line of its host, which is still down
  else
    make_waiting(*unit,
                 deferral.until_ms != 0 ? std::max(deferral.until_ms, now_ms) : next_try_ms(*unit, now_ms));
  settle_name(file);
  if (deferral.congested) narrow(destination);
  if (!deferral.host_down.empty())
    host_down(destination, deferral.host_down, now_ms);
  else if (tried)
    host_up(destination);
  end_call(destination);
  activate(destination);
}

void Schedule::returned(std::uint64_t id, bool crashed, std::int64_t now_ms) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& destination = *unit->destination;
  if (destination.blocked_until_ms != 0) destination.probing = true;
  if (crashed && unit->crashes < 255) unit->crashes += 1;
  // Somebody among the units in hand may be what kills the program: from the second time on they come back
  // one by one, so that the others get through.
  constexpr std::int64_t kWaits[] = {0, 0, 10 * kSecond, kMinute, 10 * kMinute};
  const auto wait = kWaits[std::min<std::size_t>(unit->crashes, std::size(kWaits) - 1)];
  if (wait == 0)
    make_ready(*unit);
  else
    make_waiting(*unit, now_ms + wait + static_cast<std::int64_t>(unit->id % 30) * kSecond);
  activate(destination);
}

std::optional<FileName> Schedule::forget_file_of(std::uint64_t id) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return std::nullopt;
  auto name = unit->file->name();
  drop_file(*unit->file);
  return name;
}

// ---- the end of units and files ---------------------------------------------------------------------------

void Schedule::drop_unit(Unit& unit) {
  auto& file = *unit.file;
  auto& destination = *unit.destination;
  auto& channel = *file.channel;
  leave_state(unit);
  unit.state = State::done;
  file.units_left -= 1;
  destination.units -= 1;
  // A host that was found down is remembered until its time is over, work or not.
  if (destination.units == 0 && !destination.paced &&
      !blocked_.contains({destination.blocked_until_ms, &destination}))
    drop_destination(destination);
  else
    end_call(destination), activate(destination);
  if (file.units_left > 0) {
    settle_name(file);
    return;
  }
  channel.bytes -= file.bytes;
  size_ -= 1;
  if (file.has_clock) channel.clocks.erase(&file);
  const auto name = file.name();
  const auto at = channel.files.find(Channel::key_of(name));
  channel.files.erase(at);
}

void Schedule::drop_destination(Destination& destination) {
  auto& channel = *destination.channel;
  for (std::size_t p = 0; p < channel.rings.size(); ++p)
    if (destination.in_ring[p]) std::erase(channel.rings[p], &destination);
  channel.hosts.erase(std::string(*destination.host));
}

}  // namespace waxwing::job_controller
