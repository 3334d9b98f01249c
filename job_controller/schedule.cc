#include "job_controller/schedule.h"

#include <algorithm>
#include <limits>

#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

namespace {
constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
std::size_t index_of(Priority priority) {
  return static_cast<std::size_t>(priority);
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
  }
  return *slot;
}

const Schedule::Channel* Schedule::find_channel(const std::string& name) const {
  const auto at = channels_.find(name);
  return at == channels_.end() ? nullptr : at->second.get();
}

bool Schedule::add(const ScheduleEntry& entry, std::int64_t now_ms) {
  if (entry.name.held || entry.hosts.empty()) return false;
  const auto [at, is_new] = files_.try_emplace(entry.name.key());
  if (!is_new) return false;
  at->second = std::make_unique<File>();
  auto& file = *at->second;
  auto& channel = channel_of(entry.name.channel);
  file.name = entry.name;
  file.channel = &channel;
  file.bytes = entry.size_bytes;
  file.arrival_ms = entry.arrival_ms;
  file.priority = entry.priority;
  file.attempts = entry.name.attempts;
  channel.files += 1;
  channel.bytes += file.bytes;
  for (const auto& host : entry.hosts) {
    auto& slot = channel.hosts[host.host];
    if (!slot) {
      slot = std::make_unique<Destination>();
      slot->host = host.host;
      slot->channel = &channel;
    }
    slot->units += 1;
    auto& unit = *file.units.emplace_back(std::make_unique<Unit>());
    unit.file = &file;
    unit.destination = slot.get();
    unit.id = next_unit_++;
    unit.attempts = host.attempts;
    unit.notices = host.notices;
    channel.units.emplace(unit.id, &unit);
    std::int64_t due = entry.not_before_ms;
    if (unit.attempts > 0)
      due = std::max(due, host.last_attempt_ms + channel.policy.backoff_ms(file.priority, unit.attempts));
    else if (!channel.policy.immediate[index_of(file.priority)])
      due = std::max(due, file.arrival_ms + channel.policy.backoff_ms(file.priority, 1));
    channel.waiting += 1;  // make_ready() takes it out again
    waiting_.emplace(unit.due_ms, &unit);
    if (due > now_ms)
      make_waiting(unit, due);
    else
      make_ready(unit);
  }
  return true;
}

// ---- states ---------------------------------------------------------------------------------------

void Schedule::leave_state(Unit& unit) {
  auto& channel = *unit.file->channel;
  switch (unit.state) {
    case State::waiting:
      waiting_.erase({unit.due_ms, &unit});
      channel.waiting -= 1;
      break;
    case State::ready:
      unit.ticket += 1;  // its place in the queue is stale now
      channel.ready -= 1;
      if (unit.mode == Mode::attempt) unit.destination->ready -= 1;
      break;
    case State::in_flight:
      in_flight_.erase(unit.id);
      channel.in_flight -= 1;
      unit.file->in_flight -= 1;
      unit.destination->in_flight -= 1;
      break;
  }
}

void Schedule::make_waiting(Unit& unit, std::int64_t due_ms) {
  leave_state(unit);
  unit.state = State::waiting;
  unit.due_ms = due_ms;
  unit.file->channel->waiting += 1;
  waiting_.emplace(due_ms, &unit);
}

void Schedule::make_ready(Unit& unit) {
  leave_state(unit);
  unit.state = State::ready;
  auto& channel = *unit.file->channel;
  channel.ready += 1;
  if (unit.mode != Mode::attempt) {
    channel.special.push_back({unit.id, unit.ticket});
    return;
  }
  auto& destination = *unit.destination;
  destination.ready += 1;
  destination.queues[index_of(unit.file->priority)].push_back({unit.id, unit.ticket});
  activate(destination);
}

// Puts the destination into the rings of the priorities it has something ready in.
void Schedule::activate(Destination& destination) {
  if (destination.blocked_until_ms != 0 && !destination.probing) return;
  for (std::size_t p = 0; p < destination.queues.size(); ++p) {
    if (destination.queues[p].empty() || destination.in_ring[p]) continue;
    destination.in_ring[p] = true;
    destination.channel->rings[p].push_back(&destination);
  }
}

bool Schedule::may_start(const Destination& destination, unsigned per_host) const {
  if (destination.blocked_until_ms != 0) return destination.probing && destination.in_flight == 0;
  if (per_host == 0) return true;
  const std::size_t depth = std::max(1U, destination.channel->policy.threaddepth);
  const std::size_t backlog = destination.ready + destination.in_flight;
  return destination.in_flight < std::min<std::size_t>(per_host, (backlog + depth - 1) / depth);
}

// ---- work -------------------------------------------------------------------------------------------

Schedule::Unit* Schedule::resolve(const Channel& channel, const Place& place) {
  const auto at = channel.units.find(place.unit);
  return at != channel.units.end() && at->second->ticket == place.ticket ? at->second : nullptr;
}

// Brings a unit that may start to the front of its queue and says which queue; null when there is none.
// Places that are stale and hosts that may not start now are dropped from the lines on the way: end of
// flight, host_up() and make_ready() put hosts back.
std::deque<Place>* Schedule::find_ready(Channel& channel, unsigned per_host) {
  while (!channel.special.empty()) {
    if (resolve(channel, channel.special.front()) != nullptr) return &channel.special;
    channel.special.pop_front();
  }
  for (std::size_t p = channel.rings.size(); p-- > 0;) {
    auto& ring = channel.rings[p];
    while (!ring.empty()) {
      auto& destination = *ring.front();
      auto& queue = destination.queues[p];
      while (!queue.empty() && resolve(channel, queue.front()) == nullptr) queue.pop_front();
      if (!queue.empty() && may_start(destination, per_host)) return &queue;
      destination.in_ring[p] = false;
      ring.pop_front();
    }
  }
  return nullptr;
}

Schedule::Unit* Schedule::pop_ready(Channel& channel, unsigned per_host) {
  auto* queue = find_ready(channel, per_host);
  if (queue == nullptr) return nullptr;
  auto* unit = resolve(channel, queue->front());
  queue->pop_front();
  if (unit->mode != Mode::attempt) return unit;
  // The host goes to the end of its ring, or out of it when it has nothing more of this priority.
  auto& destination = *unit->destination;
  const auto p = index_of(unit->file->priority);
  auto& ring = channel.rings[p];
  ring.pop_front();
  destination.in_ring[p] = !queue->empty();
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
  in_flight_.emplace(unit.id, &unit);
  unit.file->channel->in_flight += 1;
  unit.file->in_flight += 1;
  destination.in_flight += 1;
  if (unit.mode == Mode::attempt) destination.probing = false;
  return {unit.id, unit.file->name.relative(), destination.host, unit.mode,
          unit.mode == Mode::notify ? destination.why_down : ""};
}

Schedule::Unit* Schedule::in_flight_unit(std::uint64_t id) {
  const auto at = in_flight_.find(id);
  return at == in_flight_.end() ? nullptr : at->second;
}

void Schedule::done(std::uint64_t id, std::int64_t) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& destination = *unit->destination;
  if (unit->mode == Mode::attempt) host_up(destination);
  drop_unit(*unit);
}

std::int64_t Schedule::next_try_ms(const Unit& unit, std::int64_t now_ms) {
  const auto& policy = unit.file->channel->policy;
  const auto backoff = now_ms + policy.backoff_ms(unit.file->priority, unit.attempts);
  // A warning or the return must not wait for the end of a long backoff time.
  const auto notice = unit.file->arrival_ms + policy.next_notice_ms(unit.file->priority, unit.notices);
  return notice > now_ms ? std::min(backoff, notice) : backoff;
}

void Schedule::deferred(std::uint64_t id, const Deferral& deferral, std::int64_t now_ms) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& file = *unit->file;
  auto& destination = *unit->destination;
  const bool tried = unit->mode == Mode::attempt && deferral.attempted;
  unit->notices = deferral.notices;
  // An operator's word stands until it is done.
  if (unit->mode == Mode::notify) unit->mode = Mode::attempt;
  unit->crashes = 0;
  if (tried) unit->attempts += 1;
  file.attempts = std::max(file.attempts, unit->attempts);
  if (!tried && deferral.until_ms == 0)
    make_ready(*unit);  // back into the line of its host, which is still down
  else
    make_waiting(*unit,
                 deferral.until_ms != 0 ? std::max(deferral.until_ms, now_ms) : next_try_ms(*unit, now_ms));
  settle_name(file);
  if (!deferral.host_down.empty())
    host_down(destination, deferral.host_down, now_ms);
  else if (tried)
    host_up(destination);
  activate(destination);
}

void Schedule::returned(std::uint64_t id, bool crashed, std::int64_t now_ms) {
  auto* unit = in_flight_unit(id);
  if (unit == nullptr) return;
  auto& destination = *unit->destination;
  if (destination.blocked_until_ms != 0) destination.probing = true;
  if (crashed) unit->crashes += 1;
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
  auto name = unit->file->name;
  drop_file(*unit->file);
  return name;
}

// ---- hosts that are down --------------------------------------------------------------------------------

void Schedule::host_down(Destination& destination, const std::string& why, std::int64_t now_ms) {
  destination.why_down = why;
  if (destination.blocked_until_ms > now_ms) return;  // the others of the same moment say nothing new
  if (destination.blocked_until_ms != 0) blocked_.erase({destination.blocked_until_ms, &destination});
  const auto wait = std::min(kMinute << std::min(destination.times_down, 5U), 30 * kMinute);
  destination.times_down += 1;
  destination.blocked_until_ms = now_ms + wait;
  destination.probing = false;
  blocked_.emplace(destination.blocked_until_ms, &destination);
  queue_notices(destination, now_ms);
}

void Schedule::unblock(Destination& destination) {
  if (destination.blocked_until_ms == 0) return;
  blocked_.erase({destination.blocked_until_ms, &destination});
  destination.blocked_until_ms = 0;
  destination.probing = false;
}

void Schedule::host_up(Destination& destination) {
  unblock(destination);
  destination.times_down = 0;
  destination.why_down.clear();
  activate(destination);
}

// Units that wait behind a dead host are not tried, but their senders must hear of it in time. Linear in the
// host's queue, once for each time the host was found down.
void Schedule::queue_notices(Destination& destination, std::int64_t now_ms) {
  const auto& policy = destination.channel->policy;
  std::vector<Unit*> due;
  for (const auto& queue : destination.queues)
    for (const auto& place : queue) {
      const auto at = destination.channel->units.find(place.unit);
      if (at == destination.channel->units.end() || at->second->ticket != place.ticket) continue;
      const auto& file = *at->second->file;
      if (file.arrival_ms + policy.next_notice_ms(file.priority, at->second->notices) <= now_ms)
        due.push_back(at->second);
    }
  for (auto* unit : due) {
    const auto limit = policy.notices_due(unit->file->priority, now_ms - unit->file->arrival_ms);
    const bool over = now_ms - unit->file->arrival_ms >= policy.return_age_ms(unit->file->priority);
    if (!over && unit->notices >= limit) continue;
    leave_state(*unit);
    unit->mode = Mode::notify;
    unit->state = State::waiting;  // a state make_ready() may leave
    unit->due_ms = now_ms;
    unit->file->channel->waiting += 1;
    waiting_.emplace(unit->due_ms, unit);
    make_ready(*unit);
  }
}

// ---- time -----------------------------------------------------------------------------------------------

void Schedule::tick(std::int64_t now_ms) {
  while (!waiting_.empty() && waiting_.begin()->first <= now_ms) make_ready(*waiting_.begin()->second);
  while (!blocked_.empty() && blocked_.begin()->first <= now_ms) {
    auto& destination = *blocked_.begin()->second;
    blocked_.erase(blocked_.begin());
    if (destination.units == 0) {
      drop_destination(destination);
      continue;
    }
    // Still counted as down (blocked_until_ms stays), but one unit may go and see.
    destination.probing = true;
    activate(destination);
  }
}

std::int64_t Schedule::next_due_ms() const {
  auto due = std::numeric_limits<std::int64_t>::max();
  if (!waiting_.empty()) due = std::min(due, waiting_.begin()->first);
  if (!blocked_.empty()) due = std::min(due, blocked_.begin()->first);
  return due;
}

// ---- the end of units and files ---------------------------------------------------------------------------

void Schedule::drop_unit(Unit& unit) {
  auto& file = *unit.file;
  auto& destination = *unit.destination;
  auto& channel = *file.channel;
  leave_state(unit);
  channel.units.erase(unit.id);
  destination.units -= 1;
  std::erase_if(file.units, [&](const auto& one) { return one.get() == &unit; });
  // A host that was found down is remembered until its time is over, work or not.
  if (destination.units == 0 && !blocked_.contains({destination.blocked_until_ms, &destination}))
    drop_destination(destination);
  else
    activate(destination);
  if (!file.units.empty()) {
    settle_name(file);
    return;
  }
  channel.files -= 1;
  channel.bytes -= file.bytes;
  files_.erase(file.name.key());
}

void Schedule::drop_destination(Destination& destination) {
  auto& channel = *destination.channel;
  for (std::size_t p = 0; p < channel.rings.size(); ++p)
    if (destination.in_ring[p]) std::erase(channel.rings[p], &destination);
  channel.hosts.erase(std::string(destination.host));
}

void Schedule::drop_file(File& file) {
  for (auto left = file.units.size(); left > 0; --left) drop_unit(*file.units.front());
}

void Schedule::settle_name(File& file) {
  if (file.in_flight == 0 && file.name.attempts < file.attempts)
    file.name = rename_(file.name, file.attempts);
}

}  // namespace waxwing::job_controller
