// Which files are known, and their names.
#include <fmt/format.h>

#include "job_controller/schedule.h"
#include "job_controller/schedule_detail.h"

namespace waxwing::job_controller {

std::uint32_t number_of_copy(std::string_view digits) {
  std::uint32_t number = 1;
  for (const char digit : digits) number = number * 10 + static_cast<std::uint32_t>(digit - '0');
  return number;
}

mta::queue::Clock Schedule::File::clock() const {
  return has_clock ? channel->clocks.at(this) : mta::queue::Clock{.begun_ms = arrival_ms};
}

FileName Schedule::File::name() const {
  FileName name;
  name.channel = channel->name;
  name.bucket = fmt::format("{:03}", bucket);
  name.attempts = attempts_in_name;
  name.id = id.text();
  name.copy = std::to_string(copy).substr(1);
  return name;
}

std::size_t Schedule::Channel::Hash::operator()(const Key& key) const {
  const std::hash<std::string_view> hash;
  return hash(key.id) ^ (std::hash<std::uint32_t>()(number_of_copy(key.copy)) << 1);
}

std::size_t Schedule::Channel::Hash::operator()(const std::unique_ptr<File>& file) const {
  return std::hash<std::string_view>()(file->id.text()) ^ (std::hash<std::uint32_t>()(file->copy) << 1);
}

bool Schedule::Channel::Equal::operator()(const Key& key, const std::unique_ptr<File>& file) const {
  return key.id == file->id.text() && number_of_copy(key.copy) == file->copy &&
         to_number<std::uint16_t>(key.bucket) == std::optional(file->bucket);
}

Schedule::File* Schedule::find_file(const FileName& name) const {
  const auto* channel = find_channel(name.channel);
  if (channel == nullptr) return nullptr;
  const auto at = channel->files.find(Channel::key_of(name));
  return at == channel->files.end() ? nullptr : at->get();
}

std::size_t Schedule::size(const std::string& name) const {
  const auto* channel = find_channel(name);
  return channel == nullptr ? 0 : channel->files.size();
}

bool Schedule::saw(const FileName& name) {
  auto* file = find_file(name);
  if (file != nullptr) file->seen_in_look = look_;
  return file != nullptr;
}

std::vector<FileName> Schedule::unseen(const std::string& name) const {
  std::vector<FileName> names;
  if (const auto* channel = find_channel(name))
    for (const auto& file : channel->files)
      if (file->seen_in_look != look_ && file->in_flight == 0 && !file->renaming)
        names.push_back(file->name());
  return names;
}

std::optional<FileName> Schedule::name_of(const FileName& name) const {
  const auto* file = find_file(name);
  if (file == nullptr) return std::nullopt;
  return file->name();
}

void Schedule::drop_file(File& file) {
  file.attempts = file.attempts_in_name;  // nobody is to rename it any more
  // With its last unit the file itself is gone.
  const auto count = file.unit_count;
  auto* const units = file.units().data();
  std::uint32_t left = file.units_left;
  for (std::uint32_t i = 0; i < count && left > 0; ++i) {
    if (units[i].state == State::done) continue;
    --left;
    drop_unit(units[i]);
  }
}

void Schedule::settle_name(File& file) {
  if (file.in_flight > 0 || file.renaming || file.attempts_in_name >= file.attempts) return;
  const auto name = file.name();
  file.renaming = true;
  renaming_.insert(name.key());
  rename_(name, file.attempts);
}

void Schedule::renamed(const FileName& name) {
  renaming_.erase(name.key());
  auto* file = find_file(name);
  if (file == nullptr || !file->renaming) return;
  file->renaming = false;
  file->attempts_in_name = static_cast<std::uint16_t>(name.attempts);
  for (std::uint32_t i = 0; i < file->unit_count; ++i)
    if (file->units()[i].state == State::parked) make_ready(file->units()[i]);
}

void Schedule::park(Unit& unit) {
  leave_state(unit);
  unit.state = State::parked;
  unit.file->channel->parked += 1;
  unit.destination->parked += 1;
}

}  // namespace waxwing::job_controller
