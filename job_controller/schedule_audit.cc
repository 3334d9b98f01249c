// The books of a schedule against what is there: imsimta cache -walk, and the tests.
#include <fmt/format.h>

#include "job_controller/schedule.h"
#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

// One count over everything, then compared.
class Schedule::Audit {
 public:
  explicit Audit(const Schedule& schedule) : schedule_(schedule) {}

  std::vector<std::string> run() {
    for (const auto& [name, channel] : schedule_.channels_) look_at(*channel);
    agree("files", files_, schedule_.size_);
    agree("waiting", waiting_, schedule_.waiting_.size());
    agree("active", in_flight_, schedule_.in_flight_.size());
    return std::move(wrong_);
  }

 private:
  struct Count {
    std::size_t units = 0, ready = 0, waiting = 0, parked = 0,
                in_flight = 0;            // ready: those in the host's lines
    std::array<std::size_t, 3> places{};  // in the rings
  };
  struct ChannelCount {
    std::uint64_t bytes = 0;
    std::size_t waiting = 0, parked = 0, in_flight = 0;
    Channel::Ready ready;
    std::array<Channel::Ready, 3> ready_of{};
    std::unordered_map<const Destination*, Count> hosts;
  };

  void agree(const std::string& what, std::uint64_t counted, std::uint64_t booked) {
    if (counted != booked)
      wrong_.push_back(fmt::format("{}: {} there, {} in the books", what, counted, booked));
  }

  void look_at(const Channel& channel) {
    ChannelCount count;
    for (const auto& file : channel.files) look_at(*file, count);
    for (std::size_t p = 0; p < channel.rings.size(); ++p)
      for (const auto* destination : channel.rings[p]) count.hosts[destination].places[p] += 1;
    agree(channel.name + ": bytes", count.bytes, channel.bytes);
    agree(channel.name + ": ready", count.ready.units, channel.ready.units);
    agree(channel.name + ": recipients ready", count.ready.recipients, channel.ready.recipients);
    for (std::size_t p = 0; p < count.ready_of.size(); ++p) {
      const auto of = fmt::format("{}, priority {}: ", channel.name, p);
      agree(of + "ready", count.ready_of[p].units, channel.ready_of[p].units);
      agree(of + "recipients ready", count.ready_of[p].recipients, channel.ready_of[p].recipients);
    }
    agree(channel.name + ": waiting", count.waiting, channel.waiting);
    agree(channel.name + ": parked", count.parked, channel.parked);
    agree(channel.name + ": active", count.in_flight, channel.in_flight);
    for (const auto& [host, destination] : channel.hosts)
      look_at(channel.name + ", host " + host, *destination, count.hosts[destination.get()]);
    files_ += channel.files.size();
    waiting_ += count.waiting;
    in_flight_ += count.in_flight;
  }

  void look_at(const File& file, ChannelCount& count) {
    count.bytes += file.bytes;
    std::size_t left = 0, in_flight = 0;
    for (std::uint32_t i = 0; i < file.unit_count; ++i) {
      const auto& unit = file.units()[i];
      if (unit.state == State::done) continue;
      left += 1;
      in_flight += unit.state == State::in_flight ? 1 : 0;
      look_at(unit, count);
    }
    agree(file.name().relative() + ": units", left, file.units_left);
    agree(file.name().relative() + ": active", in_flight, file.in_flight);
  }

  void look_at(const Unit& unit, ChannelCount& count) {
    auto& host = count.hosts[unit.destination];
    host.units += 1;
    if (unit.state == State::none) wrong_.push_back(unit.file->name().relative() + ": a unit in no state");
    if (unit.state == State::waiting) host.waiting += 1, count.waiting += 1;
    if (unit.state == State::parked) host.parked += 1, count.parked += 1;
    if (unit.state == State::parked && !unit.file->renaming)
      wrong_.push_back(unit.file->name().relative() + ": parked, and nobody renames it");
    if (unit.state == State::in_flight) host.in_flight += 1, count.in_flight += 1;
    if (unit.state != State::ready) return;
    count.ready.units += 1;
    count.ready.recipients += unit.recipients;
    if (unit.mode != Mode::attempt) return;
    host.ready += 1;
    auto& of = count.ready_of[static_cast<std::size_t>(unit.file->priority)];
    of.units += 1;
    of.recipients += unit.recipients;
  }

  void look_at(const std::string& what, const Destination& destination, const Count& count) {
    agree(what + ": units", count.units, destination.units);
    agree(what + ": ready", count.ready, destination.ready);
    agree(what + ": parked", count.parked, destination.parked);
    agree(what + ": active", count.in_flight, destination.in_flight);
    agree(what + ": waiting in line", count.waiting, destination.waiting.length());
    std::size_t lines = 0;
    for (std::size_t p = 0; p < destination.lines.size(); ++p) {
      lines += destination.lines[p].length();
      agree(fmt::format("{}: places in ring {}", what, p), count.places[p], destination.in_ring[p]);
    }
    agree(what + ": ready in line", count.ready, lines);
  }

  const Schedule& schedule_;
  std::vector<std::string> wrong_;
  std::size_t files_ = 0, waiting_ = 0, in_flight_ = 0;
};

std::vector<std::string> Schedule::audit() const {
  return Audit(*this).run();
}

}  // namespace waxwing::job_controller
