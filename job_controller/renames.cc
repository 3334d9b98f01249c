#include "job_controller/renames.h"

#include "common/log/log.h"

namespace waxwing::job_controller {

using mta::queue::FileName;

namespace {
constexpr std::size_t kAtOnce = 64;
}  // namespace

Renames::Renames(EventLoop& loop, WorkerPool& workers, std::shared_ptr<const mta::queue::Queue> queue,
                 std::function<void(const FileName&)> renamed)
    : workers_(workers), queue_(std::move(queue)), renamed_(std::move(renamed)), progress_(loop) {}

void Renames::add(const FileName& name, unsigned attempts) {
  wanted_.emplace_back(name, attempts);
  if (working_) return;
  working_ = true;
  spawn(work_off());
}

Task<void> Renames::progress() {
  co_await progress_.wait();
}

Renames::Wanted Renames::next() {
  Wanted some;
  while (!wanted_.empty() && some.size() < kAtOnce) {
    some.push_back(std::move(wanted_.front()));
    wanted_.pop_front();
  }
  return some;
}

Task<void> Renames::work_off() {
  while (!wanted_.empty()) {
    auto some = next();
    auto rename = [&] {
      for (auto& [name, attempts] : some) {
        const auto to = queue_->rename_attempts(name, attempts);
        // The old name is as good: the count of attempts is in the marks too.
        if (to)
          name = *to;
        else
          log::Event("queue.not_renamed").with("qid", name.id).with("why", to.error().text).warning();
      }
    };
    co_await workers_.run(rename);
    for (const auto& [name, attempts] : some) renamed_(name);
    progress_.notify_all();
  }
  working_ = false;
}

}  // namespace waxwing::job_controller
