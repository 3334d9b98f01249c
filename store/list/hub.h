// Watches of this process, and the way of an event to them: directly from its own writers, through the
// connection from others.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "store/events.h"

namespace waxwing::store {

class Hub final : public Events, public std::enable_shared_from_this<Hub> {
 public:
  // Called when the first watch of something comes (true) or the last one goes (false): key, value.
  using Interest = std::function<void(bool, const std::string&, const std::string&)>;
  explicit Hub(Interest interest) : interest_(std::move(interest)) {}

  std::unique_ptr<Watch> watch_mailbox(std::string_view mailbox_id, Handler handler) override;
  std::unique_ptr<Watch> watch_user(std::string_view user, Handler handler) override;

  void deliver(const Event& event);
  void resync();        // to every watch
  void cut_interest();  // the connection is going: no more calls of `interest`

 private:
  struct Entry {
    std::mutex running;  // held while the handler runs
    Handler handler;     // empty: ended
  };
  class HubWatch;
  using Entries = std::multimap<std::string, std::shared_ptr<Entry>>;
  std::unique_ptr<Watch> add(const std::string& key, std::string_view value, Handler handler);
  void remove(const std::string& key, const std::string& value, const std::shared_ptr<Entry>& entry);
  static void run(const std::vector<std::shared_ptr<Entry>>& entries, const Event& event);

  std::mutex mutex_;
  std::map<std::string, Entries> watches_;  // "mailbox", "user"
  Interest interest_;
};

}  // namespace waxwing::store
