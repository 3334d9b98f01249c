// Reading the queue tree: at the start, every SYNCH_TIME, and when there is room again. Names are listed a
// directory at a time; only files that are not known yet are opened.
#include "common/base/time.h"
#include "common/log/log.h"
#include "job_controller/controller.h"
#include "mta/queue/reader.h"

namespace waxwing::job_controller {

namespace {
constexpr std::size_t kFilesAtOnce = 200;

// On a worker.
std::vector<mta::queue::ScheduleEntry> read_entries(const mta::queue::Queue& queue,
                                                    const std::vector<FileName>& names) {
  std::vector<mta::queue::ScheduleEntry> entries;
  for (const auto& name : names) {
    auto reader = mta::queue::Reader::open(queue, name);
    if (reader) {
      entries.push_back(mta::queue::make_schedule_entry(name, reader->envelope(), reader->message_size()));
      // Nothing left to do: it was not removed in time, by a crash.
      if (entries.back().hosts.empty()) (void)queue.remove(name);
    } else if (mta::queue::is_gone(reader.error())) {
      continue;
    } else if (reader.error().fault == Fault::permanent) {
      queue.set_aside(name, reader.error().text);
    } else {
      log::Event("queue.unreadable").with("file", name.relative()).with("why", reader.error().text).error();
    }
  }
  return entries;
}

// On a worker.
Result<std::vector<FileName>> list_messages(const mta::queue::Queue& queue, const std::string& channel,
                                            const std::string& bucket) {
  TRY(auto names, queue.list_bucket(channel, bucket));
  return queue.without_twins(std::move(names));
}
}  // namespace

Task<void> Controller::read_tree() {
  if (reading_tree_) {
    read_again_ = true;
    co_return;
  }
  reading_tree_ = true;
  do {
    read_again_ = false;
    overflow_ = false;
    next_synch_ms_ = monotonic_ms() + config_.synch_seconds * 1000;
    const auto begun = monotonic_ms();
    const auto before = schedule_.size();
    auto channels = co_await daemon_.workers().run([this] { return queue_->channels(); });
    for (const auto& channel : channels) {
      schedule_.set_stopped(channel, queue_->is_stopped(channel));
      auto buckets = co_await daemon_.workers().run([this, &channel] { return queue_->buckets(channel); });
      if (!buckets) {
        log::Event("queue.unreadable").with("channel", channel).with("why", buckets.error().text).error();
        continue;
      }
      for (const auto& bucket : *buckets) co_await read_bucket(channel, bucket);
    }
    co_await forget_removed();
    log::Event("queue.tree_read")
        .with("messages", static_cast<std::int64_t>(schedule_.size()))
        .with("before", static_cast<std::int64_t>(before))
        .with("ms", monotonic_ms() - begun)
        .information();
  } while (read_again_);
  reading_tree_ = false;
  jobs_.touch_all();
}

Task<void> Controller::read_bucket(std::string channel, std::string bucket) {
  auto names = co_await daemon_.workers().run([&] { return list_messages(*queue_, channel, bucket); });
  if (!names) {
    log::Event("queue.unreadable").with("channel", channel).with("why", names.error().text).error();
    co_return;
  }
  std::vector<FileName> unknown;
  for (auto& name : *names) {
    if (name.held || schedule_.knows(name)) continue;
    if (is_full()) {
      overflow_ = true;
      break;
    }
    unknown.push_back(std::move(name));
    if (unknown.size() < kFilesAtOnce) continue;
    co_await read_files(std::exchange(unknown, {}));
  }
  if (!unknown.empty()) co_await read_files(std::move(unknown));
}

// Files that were removed behind our back. One that was renamed meanwhile has another name in the schedule by
// now.
Task<void> Controller::forget_removed() {
  const auto known = schedule_.files();
  auto removed = co_await daemon_.workers().run([this, &known] {
    std::vector<FileName> names;
    for (const auto& name : known)
      if (!file_exists(queue_->path_of(name))) names.push_back(name);
    return names;
  });
  for (const auto& name : removed) {
    const auto now = schedule_.name_of(name);
    bool busy = false;
    if (now && now->relative() == name.relative()) schedule_.forget(name, busy);
  }
}

Task<void> Controller::read_files(std::vector<FileName> names) {
  auto entries = co_await daemon_.workers().run([&] { return read_entries(*queue_, names); });
  for (const auto& entry : entries) add(entry);
}

Task<void> Controller::look(std::string relative) {
  auto name = FileName::parse(relative);
  if (!name) co_return;
  std::vector<FileName> names;
  names.push_back(std::move(*name));
  co_await read_files(std::move(names));
}

}  // namespace waxwing::job_controller
