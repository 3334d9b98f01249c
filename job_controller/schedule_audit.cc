// The books of a schedule against what is there: imsimta cache -walk, and the tests.
#include <fmt/format.h>

#include "job_controller/schedule.h"
#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

std::vector<std::string> Schedule::audit() const {
  std::vector<std::string> wrong;
  const auto agree = [&](const std::string& what, std::uint64_t counted, std::uint64_t booked) {
    if (counted != booked)
      wrong.push_back(fmt::format("{}: {} there, {} in the books", what, counted, booked));
  };
  std::size_t files = 0, all_waiting = 0, all_in_flight = 0;
  for (const auto& [name, channel] : channels_) {
    std::uint64_t bytes = 0;
    std::size_t ready = 0, recipients = 0, waiting = 0, in_flight = 0;
    std::unordered_map<const Destination*, std::size_t> units;
    for (const auto& file : channel->files) {
      bytes += file->bytes;
      std::size_t left = 0;
      for (std::uint32_t i = 0; i < file->unit_count; ++i) {
        const auto& unit = file->units[i];
        if (unit.state == State::done) continue;
        left += 1;
        units[unit.destination] += 1;
        ready += unit.state == State::ready ? 1 : 0;
        recipients += unit.state == State::ready ? unit.recipients : 0;
        waiting += unit.state == State::waiting ? 1 : 0;
        in_flight += unit.state == State::in_flight ? 1 : 0;
        if (unit.state == State::none) wrong.push_back(file->name().relative() + ": a unit in no state");
      }
      agree(file->name().relative() + ": units", left, file->units_left);
    }
    agree(name + ": bytes", bytes, channel->bytes);
    agree(name + ": ready", ready, channel->ready);
    agree(name + ": recipients ready", recipients, channel->ready_recipients);
    agree(name + ": waiting", waiting, channel->waiting);
    agree(name + ": active", in_flight, channel->in_flight);
    for (const auto& [host, destination] : channel->hosts)
      agree(name + ", host " + host + ": units", units[destination.get()], destination->units);
    files += channel->files.size();
    all_waiting += waiting;
    all_in_flight += in_flight;
  }
  agree("files", files, size_);
  agree("waiting", all_waiting, waiting_.size());
  agree("active", all_in_flight, in_flight_.size());
  return wrong;
}

}  // namespace waxwing::job_controller
