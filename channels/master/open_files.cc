#include "channels/master/open_files.h"

#include <algorithm>
#include <utility>

namespace waxwing::channels {

using mta::queue::FileName;
using mta::queue::Reader;

namespace {
constexpr std::uint64_t kOnWorkerBytes = 64 * 1024;  // what is larger is read on a worker
// Of files whose units only wait. A recipient takes some hundred bytes.
constexpr std::size_t kMostKept = 8;
constexpr std::size_t kMostKeptRecipients = 20'000;  // but one file at least
}  // namespace

void OpenFiles::expect(const std::string& file) {
  in_hand_[file].units += 1;
}

void OpenFiles::let_go(const std::string& file) {
  const auto at = in_hand_.find(file);
  if (at == in_hand_.end() || --at->second.units > 0) return;
  if (const auto held = at->second.file.lock()) std::erase(kept_, held);
  in_hand_.erase(at);
}

void OpenFiles::keep(const Handle& file) {
  std::erase(kept_, file);
  kept_.push_front(file);
  std::size_t recipients = 0;
  for (const auto& each : kept_) recipients += each->reader_.envelope().recipients.size();
  while (kept_.size() > 1 && (kept_.size() > kMostKept || recipients > kMostKeptRecipients)) {
    recipients -= kept_.back()->reader_.envelope().recipients.size();
    kept_.pop_back();
  }
}

Result<OpenFiles::Handle> OpenFiles::open(const FileName& name) {
  const auto at = in_hand_.find(name.relative());
  auto held = at == in_hand_.end() ? nullptr : at->second.file.lock();
  if (held == nullptr || !held->is_at_its_name()) {
    TRY(auto reader, Reader::open(queue_, name));
    counts_.opened += 1;
    held = std::make_shared<Held>(std::move(reader), loop_);
    if (at != in_hand_.end()) at->second.file = held;
  }
  if (at != in_hand_.end() && at->second.units > 1) keep(held);
  return held;
}

namespace {
struct Reading {
  explicit Reading(bool& flag, Signal& signal) : flag_(flag), signal_(signal) { flag_ = true; }
  ~Reading() {
    flag_ = false;
    signal_.notify_all();
  }
  Reading(const Reading&) = delete;
  bool& flag_;
  Signal& signal_;
};
}  // namespace

Task<Result<>> OpenFiles::verify(Handle file) {
  while (file->reading_) co_await file->read_.wait();
  if (file->verdict_) co_return *file->verdict_;
  counts_.verified += 1;
  const auto& message = file->reader_;
  Result<> whole;
  if (message.message_size() < kOnWorkerBytes) {
    whole = message.verify_message();
  } else {
    const Reading reading(file->reading_, file->read_);
    whole = co_await workers_.run([&message] { return message.verify_message(); });
  }
  // What the disk does not read now it may read later.
  if (whole || whole.error().fault == Fault::permanent) file->verdict_ = whole;
  co_return whole;
}

}  // namespace waxwing::channels
