// The parts of a Schedule; private to its .cc files.
#pragma once

#include "job_controller/schedule.h"

namespace waxwing::job_controller {

struct Schedule::Unit {
  File* file = nullptr;
  Destination* destination = nullptr;
  std::uint64_t id = 0;
  std::int64_t due_ms = 0;  // while waiting
  unsigned attempts = 0;
  unsigned notices = 0;
  std::uint16_t crashes = 0;
  State state = State::waiting;
  Mode mode = Mode::attempt;
  std::uint32_t ticket = 0;  // of its place in a ready queue; other places with its name are stale
};

struct Schedule::File {
  FileName name;
  Channel* channel = nullptr;
  std::uint64_t bytes = 0;
  std::int64_t arrival_ms = 0;
  Priority priority = Priority::normal;
  unsigned in_flight = 0;
  unsigned attempts = 0;
  std::vector<std::unique_ptr<Unit>> units;
};

struct Schedule::Destination {
  std::string host;
  Channel* channel = nullptr;
  std::array<std::deque<Place>, 3> queues;
  std::array<bool, 3> in_ring{};
  std::size_t ready = 0;
  std::size_t units = 0;  // all
  unsigned in_flight = 0;
  std::int64_t blocked_until_ms = 0;  // 0: open
  bool probing = false;               // one unit may go to see
  unsigned times_down = 0;
  std::string why_down;
};

struct Schedule::Channel {
  std::string name;
  ChannelPolicy policy;
  std::unordered_map<std::string, std::unique_ptr<Destination>> hosts;
  std::array<std::deque<Destination*>, 3> rings;
  std::deque<Place> special;  // units to notify or give back: no host is needed for them
  std::unordered_map<std::uint64_t, Unit*> units;
  std::size_t ready = 0;
  std::size_t waiting = 0;
  std::size_t in_flight = 0;
  std::size_t files = 0;
  std::uint64_t bytes = 0;
  bool stopped = false;
};

}  // namespace waxwing::job_controller
