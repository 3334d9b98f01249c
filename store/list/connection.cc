#include "store/list/connection.h"

#include <atomic>
#include <future>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "common/log/log.h"
#include "common/net/loop.h"
#include "common/net/seqpacket.h"
#include "store/detail/errors.h"
#include "store/list/protocol.h"

namespace waxwing::store {

namespace {
constexpr std::int64_t kFirstPauseMs = 20;
constexpr std::int64_t kLongestPauseMs = 500;
}  // namespace

// Everything but `loop` is touched on the loop's thread only.
struct Connection::Inner {
  struct Question {
    Record record;
    std::promise<Result<Record>> answer;
    std::function<void(const Record&)> in_order;
  };
  EventLoop loop;
  std::string path;
  Handlers handlers;
  std::unique_ptr<PacketSocket> socket;
  std::map<std::int64_t, Question> open;
  std::set<std::pair<std::string, std::string>> watches;
  std::string hopeless;  // why stored cannot be reached, and what to do, where no waiting helps
  std::int64_t last_id = 0;
  bool was_connected = false;
  bool stopping = false;
  Signal stop{loop};  // ends the pause between two attempts to connect
  std::thread thread;

  void send(const Record& record) {
    if (socket) (void)socket->send(record);  // a failure shows in receive()
  }
  void connected() {
    for (const auto& [key, value] : watches) send(Record("watch").set(key, value));
    for (auto& [id, question] : open) send(question.record);
    if (was_connected && handlers.resynced) handlers.resynced();
    was_connected = true;
  }
  // Asked once more after the connection broke: stored may have done it already.
  void disconnected() {
    socket.reset();
    for (auto& [id, question] : open)
      if (!question.record.has("retry")) question.record.set("retry", 1);
  }
  // Nobody waits for what does not come. It is tried again all the same: somebody may mend it.
  void out_of_reach(const std::string& why) {
    hopeless = why;
    for (auto& [id, question] : std::exchange(open, {})) question.answer.set_value(not_reached());
  }
  Result<Record> not_reached() const { return fail_for_now(Code::unavailable, hopeless); }
  void receive(const Record& record) {
    if (record.is("event")) {
      if (const auto event = decode_event(record); event && handlers.event) handlers.event(*event);
      return;
    }
    const auto at = open.find(record.number("id"));
    if (at == open.end()) return;  // its asker has given up
    auto question = std::move(at->second);
    open.erase(at);
    if (record.is("ok") && question.in_order) question.in_order(record);
    question.answer.set_value(record.is("ok") ? Result<Record>(record)
                                              : std::unexpected(decode_error(record)));
  }
};

namespace {
template <class Inner>
Task<void> keep_connected(std::shared_ptr<Inner> inner) {
  auto pause_ms = kFirstPauseMs;
  while (!inner->stopping) {
    std::string to_do;
    auto fd = connect_unix(inner->path, to_do);
    if (!fd) {
      if (!to_do.empty()) inner->out_of_reach(fd.error().text + "; " + to_do);
      co_await inner->stop.wait(pause_ms);
      pause_ms = std::min(pause_ms * 2, kLongestPauseMs);
      continue;
    }
    pause_ms = kFirstPauseMs;
    inner->hopeless.clear();
    inner->socket = std::make_unique<PacketSocket>(inner->loop, std::move(*fd));
    inner->connected();
    for (;;) {
      auto packet = co_await inner->socket->receive();
      if (!packet || !*packet) break;
      inner->receive((*packet)->record);
    }
    inner->disconnected();
  }
  inner->loop.stop();
}
}  // namespace

Connection::Connection(std::string socket_path, Handlers handlers) : inner_(std::make_shared<Inner>()) {
  inner_->path = std::move(socket_path);
  inner_->handlers = std::move(handlers);
  inner_->loop.post([inner = inner_] { spawn(keep_connected(inner)); });
  inner_->thread = std::thread([inner = inner_.get()] { inner->loop.run(); });
}

Connection::~Connection() {
  inner_->loop.post([inner = inner_.get()] {
    inner->stopping = true;
    if (inner->socket)
      inner->socket->close();
    else
      inner->stop.notify_all();
  });
  inner_->thread.join();
}

Result<Record> Connection::ask(Record question, std::int64_t timeout_ms,
                               std::function<void(const Record&)> in_order) {
  auto id = std::make_shared<std::int64_t>(0);
  std::promise<Result<Record>> promise;
  auto future = promise.get_future();
  const auto verb = question.verb();
  auto shared =
      std::make_shared<Inner::Question>(std::move(question), std::move(promise), std::move(in_order));
  inner_->loop.post([inner = inner_.get(), id, shared] {
    *id = ++inner->last_id;
    if (!inner->hopeless.empty()) return shared->answer.set_value(inner->not_reached());
    shared->record.set("id", *id);
    inner->send(shared->record);
    inner->open.emplace(*id, std::move(*shared));
  });
  if (future.wait_for(std::chrono::milliseconds(timeout_ms)) == std::future_status::ready)
    return future.get();
  inner_->loop.post([inner = inner_.get(), id] { inner->open.erase(*id); });
  return fail_for_now(Code::unavailable, "stored does not answer (" + verb + "): is it running?");
}

void Connection::post(Record record) {
  inner_->loop.post([inner = inner_.get(), record = std::move(record)] { inner->send(record); });
}

void Connection::watch(const std::string& key, const std::string& value) {
  inner_->loop.post([inner = inner_.get(), key, value] {
    inner->watches.emplace(key, value);
    inner->send(Record("watch").set(key, value));
  });
}

void Connection::unwatch(const std::string& key, const std::string& value) {
  inner_->loop.post([inner = inner_.get(), key, value] {
    inner->watches.erase({key, value});
    inner->send(Record("unwatch").set(key, value));
  });
}

}  // namespace waxwing::store
