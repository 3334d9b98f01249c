// Reading the queue tree: at the start, every SYNCH_TIME, and when there is room again. Names are listed a
// directory at a time; only files that are not known yet are opened.
#include <algorithm>
#include <atomic>
#include <optional>

#include "common/base/is_there.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "job_controller/controller.h"
#include "mta/queue/reader.h"

namespace waxwing::job_controller {

namespace {
constexpr std::size_t kFilesAtOnce = 4000;
constexpr std::size_t kFilesAPiece = 50;

using Entries = std::vector<std::optional<mta::queue::ScheduleEntry>>;

// unreadable: counts those that the disk, or their rights, do not let be read.
std::optional<mta::queue::ScheduleEntry> read_entry(const mta::queue::Queue& queue, const FileName& name,
                                                    std::atomic<std::size_t>& unreadable) {
  const auto reader = mta::queue::Reader::open(queue, name);
  if (reader) {
    auto entry = mta::queue::make_schedule_entry(name, reader->envelope(), reader->message_size());
    // Nothing left to do: somebody died, or the disk failed, before it was removed.
    if (entry.hosts.empty()) queue.remove_settled(name);
    return entry;
  }
  if (mta::queue::is_gone(reader.error())) return std::nullopt;
  if (reader.error().fault == Fault::permanent) {
    queue.set_aside(name, reader.error().text);
    return std::nullopt;
  }
  unreadable += 1;
  log::Event("queue.unreadable").with("file", name.relative()).with("why", reader.error().text).error();
  return std::nullopt;
}

// On a worker.
Entries read_entries(const mta::queue::Queue& queue, const std::vector<FileName>& names, Crew& crew,
                     std::atomic<std::size_t>& unreadable) {
  Entries entries(names.size());
  const auto read_piece = [&](std::size_t piece) {
    const auto end = std::min(names.size(), (piece + 1) * kFilesAPiece);
    for (auto i = piece * kFilesAPiece; i < end; ++i) entries[i] = read_entry(queue, names[i], unreadable);
  };
  const auto pieces = (names.size() + kFilesAPiece - 1) / kFilesAPiece;
  // The crew serves one at a time: only the look at the whole tree has so much to read.
  if (pieces == 1)
    read_piece(0);
  else
    crew.each(pieces, read_piece);
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
    schedule_.begin_look();
    unreadable_now_ = 0;
    next_synch_ms_ = monotonic_ms() + config_.synch_seconds * 1000;
    const auto begun = monotonic_ms();
    const auto before = schedule_.size();
    auto listed = co_await daemon_.workers().run([this] { return queue_->channels(); });
    if (!listed) note_unreadable("", listed.error());
    const auto channels = std::move(listed).value_or(std::vector<std::string>());
    for (const auto& channel : channels) schedule_.set_stopped(channel, queue_->is_stopped(channel));
    // What does not fit waits in the tree. First each channel gets its share of the memory, so that one with
    // much mail that waits does not keep the others out; then the rest is for who has more.
    const auto share = config_.max_messages / std::max<std::size_t>(channels.size(), 1);
    for (const auto& channel : channels) co_await read_channel(channel, share);
    for (const auto& channel : std::exchange(cut_short_, {}))
      co_await read_channel(channel, config_.max_messages);
    for (const auto& channel : schedule_.channels())
      if (!std::ranges::binary_search(channels, channel)) co_await forget_removed(channel);
    unreadable_ = unreadable_now_;
    overflow_ = overflow_ || !cut_short_.empty();
    cut_short_.clear();
    log::Event("queue.tree_read")
        .with("messages", static_cast<std::int64_t>(schedule_.size()))
        .with("before", static_cast<std::int64_t>(before))
        .with("ms", monotonic_ms() - begun)
        .information();
  } while (read_again_);
  reading_tree_ = false;
  jobs_.touch_all();
}

void Controller::note_unreadable(const std::string& channel, const Error& error) {
  unreadable_now_ += 1;
  log::Event("queue.unreadable").with("channel", channel).with("why", error.text).error();
}

Task<void> Controller::read_channel(const std::string& channel, std::size_t most_messages) {
  auto buckets = co_await daemon_.workers().run([&] { return queue_->buckets(channel); });
  if (!buckets) {
    note_unreadable(channel, buckets.error());
    co_return;
  }
  for (const auto& bucket : *buckets) {
    co_await read_bucket(channel, bucket, most_messages);
    if (cut_short_.contains(channel)) co_return;
  }
  co_await forget_removed(channel);
}

Task<void> Controller::read_bucket(std::string channel, std::string bucket, std::size_t most_messages) {
  auto names = co_await daemon_.workers().run([&] { return list_messages(*queue_, channel, bucket); });
  if (!names) {
    note_unreadable(channel, names.error());
    co_return;
  }
  std::vector<FileName> unknown;
  for (auto& name : *names) {
    if (name.held || schedule_.saw(name)) continue;
    if (is_full() || schedule_.size(channel) + unknown.size() >= most_messages) {
      cut_short_.insert(channel);
      break;
    }
    unknown.push_back(std::move(name));
    if (unknown.size() < kFilesAtOnce) continue;
    co_await read_files(std::exchange(unknown, {}));
  }
  if (!unknown.empty()) co_await read_files(std::move(unknown));
}

// One that was renamed while its directory was read has another name in the schedule by now, and is there.
Task<void> Controller::forget_removed(std::string channel) {
  const auto unseen = schedule_.unseen(channel);
  if (unseen.empty()) co_return;
  auto removed = co_await daemon_.workers().run([this, &unseen] {
    std::vector<FileName> names;
    for (const auto& name : unseen)
      if (const auto there = is_there(queue_->path_of(name)); there && !*there) names.push_back(name);
    return names;
  });
  for (const auto& name : removed) {
    const auto now = schedule_.name_of(name);
    bool busy = false;
    if (now && now->relative() == name.relative()) schedule_.forget(name, busy);
  }
}

Task<void> Controller::read_files(std::vector<FileName> names) {
  auto entries =
      co_await daemon_.workers().run([&] { return read_entries(*queue_, names, *crew_, unreadable_now_); });
  for (const auto& entry : entries)
    if (entry) add(*entry);
}

Task<void> Controller::look(std::string relative) {
  auto name = FileName::parse(relative);
  if (!name) co_return;
  std::vector<FileName> names;
  names.push_back(std::move(*name));
  co_await read_files(std::move(names));
}

}  // namespace waxwing::job_controller
