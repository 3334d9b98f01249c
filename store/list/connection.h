// This process's connection to stored: questions with answers, and events both ways.
//
// A thread of its own keeps it, and makes it again when stored was away: questions that had no answer are
// asked again (they are such that this does no harm), watches are set again, then `resynced` is called.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/base/record.h"
#include "store/events.h"

namespace waxwing::store {

class Connection {
 public:
  struct Handlers {
    std::function<void(const Event&)> event;  // on the connection's thread, in the order stored said it
    std::function<void()> resynced;           // connected again: events may be missing
  };
  Connection(std::string socket_path, Handlers handlers);
  ~Connection();

  // Blocks until the answer, at most timeout_ms; then Code::unavailable. in_order, if given, sees a good
  // answer on the connection's thread, before any event that stored sent after it.
  Result<Record> ask(Record question, std::int64_t timeout_ms,
                     std::function<void(const Record&)> in_order = nullptr);
  // Never block.
  void post(Record record);  // dropped when there is no connection
  void watch(const std::string& key, const std::string& value);
  void unwatch(const std::string& key, const std::string& value);

 private:
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace waxwing::store
