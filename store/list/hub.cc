#include "store/list/hub.h"

namespace waxwing::store {

class Hub::HubWatch final : public Events::Watch {
 public:
  HubWatch(std::shared_ptr<Hub> hub, std::string key, std::string value, std::shared_ptr<Entry> entry)
      : hub_(std::move(hub)), key_(std::move(key)), value_(std::move(value)), entry_(std::move(entry)) {}
  ~HubWatch() override {
    hub_->remove(key_, value_, entry_);
    const std::lock_guard wait_for_handler(entry_->running);
    entry_->handler = nullptr;
  }

 private:
  std::shared_ptr<Hub> hub_;
  std::string key_, value_;
  std::shared_ptr<Entry> entry_;
};

std::unique_ptr<Events::Watch> Hub::watch_mailbox(std::string_view mailbox_id, Handler handler) {
  return add("mailbox", mailbox_id, std::move(handler));
}
std::unique_ptr<Events::Watch> Hub::watch_user(std::string_view user, Handler handler) {
  return add("user", user, std::move(handler));
}

std::unique_ptr<Events::Watch> Hub::add(const std::string& key, std::string_view value, Handler handler) {
  auto entry = std::make_shared<Entry>();
  entry->handler = std::move(handler);
  const std::string name(value);
  {
    const std::lock_guard lock(mutex_);
    auto& entries = watches_[key];
    // Under the lock, so that stored hears of coming and going in the right order.
    if (!entries.contains(name) && interest_) interest_(true, key, name);
    entries.emplace(name, entry);
  }
  return std::make_unique<HubWatch>(shared_from_this(), key, name, std::move(entry));
}

void Hub::remove(const std::string& key, const std::string& value, const std::shared_ptr<Entry>& entry) {
  const std::lock_guard lock(mutex_);
  auto& entries = watches_[key];
  for (auto [at, end] = entries.equal_range(value); at != end; ++at) {
    if (at->second != entry) continue;
    entries.erase(at);
    break;
  }
  if (!entries.contains(value) && interest_) interest_(false, key, value);
}

void Hub::cut_interest() {
  const std::lock_guard lock(mutex_);
  interest_ = nullptr;
}

void Hub::run(const std::vector<std::shared_ptr<Entry>>& entries, const Event& event) {
  for (const auto& entry : entries) {
    const std::lock_guard running(entry->running);
    if (entry->handler) entry->handler(event);
  }
}

void Hub::deliver(const Event& event) {
  std::vector<std::shared_ptr<Entry>> found;
  {
    const std::lock_guard lock(mutex_);
    const auto collect = [&](const std::string& key, const std::string& value) {
      auto& entries = watches_[key];
      for (auto [at, end] = entries.equal_range(value); at != end; ++at) found.push_back(at->second);
    };
    collect("mailbox", event.mailbox_id);
    collect("user", event.user);
  }
  run(found, event);
}

void Hub::resync() {
  std::vector<std::shared_ptr<Entry>> all;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [key, entries] : watches_)
      for (auto& [value, entry] : entries) all.push_back(entry);
  }
  run(all, Event{});
}

}  // namespace waxwing::store
