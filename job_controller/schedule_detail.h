// The parts of a Schedule; private to its .cc files. There may be a million units and files: what they hold
// is counted in bytes.
#pragma once

#include <span>

#include "job_controller/compact_id.h"
#include "job_controller/schedule.h"

namespace waxwing::job_controller {

// The digits behind the dot of a file's name, two to six, as one number.
std::uint32_t number_of_copy(std::string_view digits);

struct Schedule::Unit {
  File* file = nullptr;
  Destination* destination = nullptr;
  std::uint64_t id = 0;                       // while in flight
  std::int64_t due_ms = 0;                    // while waiting
  Unit *before = nullptr, *behind = nullptr;  // in its line, while ready or waiting
  std::uint16_t attempts = 0;
  std::uint16_t notices = 0;
  std::uint16_t recipients = 0;
  std::uint8_t crashes = 0;
  State state : 4 = State::none;
  Mode mode : 4 = Mode::attempt;
};

// Units that are ready, first come first served, or that wait; one may leave from anywhere. Owns nothing.
struct Schedule::Line {
  Unit *first = nullptr, *last = nullptr;

  bool empty() const { return first == nullptr; }
  std::size_t length() const {  // linear
    std::size_t units = 0;
    for (const auto* unit = first; unit != nullptr; unit = unit->behind) ++units;
    return units;
  }
  void push_back(Unit& unit) {
    unit.before = last;
    unit.behind = nullptr;
    (last != nullptr ? last->behind : first) = &unit;
    last = &unit;
  }
  void remove(Unit& unit) {
    (unit.before != nullptr ? unit.before->behind : first) = unit.behind;
    (unit.behind != nullptr ? unit.behind->before : last) = unit.before;
    unit.before = unit.behind = nullptr;
  }
};

// Members in the order of their size, nothing that few messages need, and the unit of a message for one host in it: a
// look at sizeof is worth while after a change.
struct Schedule::File {
  File() = default;
  File(const File&) = delete;  // lines and sets point into it

  CompactId id;
  Channel* channel = nullptr;
  std::uint64_t bytes = 0;
  std::int64_t arrival_ms = 0;
  Unit only;
  std::unique_ptr<Unit[]> several;  // in place of it
  std::uint32_t copy = 0;           // "00" is 100, "007" is 1007
  std::uint32_t unit_count = 0;
  std::uint32_t units_left = 0;  // not done
  std::uint32_t in_flight = 0;
  std::uint32_t seen_in_look = 0;
  std::uint16_t bucket = 0;
  std::uint16_t attempts = 0;
  std::uint16_t attempts_in_name = 0;
  Priority priority : 8 = Priority::normal;
  bool renaming : 1 = false;
  bool has_clock : 1 = false;  // in Channel::clocks; else it is counted from its arrival

  std::span<Unit> units() { return {several ? several.get() : &only, unit_count}; }
  std::span<const Unit> units() const { return {several ? several.get() : &only, unit_count}; }
  mta::queue::Clock clock() const;
  FileName name() const;
};

struct Schedule::Destination {
  const std::string* host = nullptr;  // the key in Channel::hosts
  Channel* channel = nullptr;
  std::array<Line, 3> lines;
  Line waiting;                               // for their time, in no order
  std::int64_t blocked_until_ms = 0;          // 0: open
  std::int64_t next_start_ms = 0;             // by the channel's rate
  std::unique_ptr<std::string> down_because;  // few hosts are
  std::uint32_t ready = 0;
  std::uint32_t units = 0;  // all
  std::uint32_t in_flight = 0;
  std::uint32_t parked = 0;
  std::uint32_t times_down = 0;
  std::uint16_t window = 0;     // most units at once since the host had enough; 0: it has not
  std::uint16_t went_well = 0;  // since the window was changed
  std::array<bool, 3> in_ring{};
  bool probing = false;  // one unit may go to see
  bool called = false;   // of a channel on demand: what was there when it was asked for may go
  bool paced = false;    // in paced_

  std::string why_down() const { return down_because ? *down_because : std::string(); }
};

struct Schedule::Channel {
  // What tells a file from others of its channel; attempts and .HELD change.
  struct Key {
    std::string_view id, copy, bucket;
  };
  static Key key_of(const FileName& name) { return {name.id, name.copy, name.bucket}; }
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(const Key& key) const;
    std::size_t operator()(const std::unique_ptr<File>& file) const;
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const std::unique_ptr<File>& a, const std::unique_ptr<File>& b) const { return a == b; }
    bool operator()(const Key& key, const std::unique_ptr<File>& file) const;
    bool operator()(const std::unique_ptr<File>& file, const Key& key) const { return (*this)(key, file); }
  };

  std::string name;
  ChannelPolicy policy;
  std::unordered_set<std::unique_ptr<File>, Hash, Equal> files;
  std::unordered_map<const File*, mta::queue::Clock>
      clocks;  // of those that were deferred at first, or have a time
  std::unordered_map<std::string, std::unique_ptr<Destination>> hosts;
  std::array<std::deque<Destination*>, 3> rings;
  Line special;  // units to notify or give back: no host is needed for them
  // What is ready by priority; units in special are counted in ready only, for no window keeps them.
  struct Ready {
    std::size_t units = 0, recipients = 0;
  };
  std::array<Ready, 3> ready_of{};
  Ready ready;
  std::array<bool, 3> open = {true, true, true};
  // Without what closed windows keep back.
  Ready ready_in_open_windows() const {
    auto left = ready;
    for (std::size_t p = 0; p < open.size(); ++p) {
      if (open[p]) continue;
      left.units -= ready_of[p].units;
      left.recipients -= ready_of[p].recipients;
    }
    return left;
  }
  std::size_t waiting = 0;
  std::size_t in_flight = 0;
  std::size_t parked = 0;
  std::uint64_t bytes = 0;
  bool stopped = false;
};

}  // namespace waxwing::job_controller
