// The frame every channel program stands in.
//
//   class Discard : public channels::Channel {
//     Task<void> deliver(channels::Work& work) override {
//       for (const auto i : work.pending()) work.delivered(i, "2.0.0 discarded");
//       co_return;
//     }
//   };
//   int main(int argc, char** argv) {
//     return channels::run_master(argc, argv, {.program = "bitbucket"},
//         [](channels::MasterContext& context) -> Result<std::unique_ptr<channels::Channel>> { ... });
//   }
//
// The job controller starts the program with WAXWING_CHANNEL and WAXWING_JOB set; the frame connects to
// run/job_controller, takes units of work (the recipients of one destination host in one queue file), runs up
// to `concurrency` of them at once as coroutines on loop 0 (more where some only wait: turns.h), and holds more
// in hand so that it never idles while there is work. After deliver() the frame writes the marks, sends the notifications that are due
// (failed, delayed, delivered when asked for), removes the file when its last recipient is done, logs, and
// reports. A channel program only delivers. When the job controller is gone, what has begun is finished and
// the program ends; what was in hand and not begun is found again by the next job controller.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "channels/master/step.h"
#include "common/daemon/daemon.h"
#include "common/net/task.h"
#include "mta/mail_log/entry.h"
#include "mta/queue/reader.h"

namespace waxwing::channels {

// A unit of work. Every pending() recipient needs exactly one verdict by the time deliver() returns; one
// without is taken as deferred with "4.3.0 no outcome".
class Work {
 public:
  Work(mta::queue::Reader reader, std::string host);

  const mta::queue::Envelope& envelope() const { return reader_.envelope(); }
  mta::queue::Reader& message() { return reader_; }
  const mta::queue::Reader& message() const { return reader_; }
  const std::string& host() const { return host_; }
  const std::string& queue_id() const { return reader_.envelope().queue_id; }
  // Indexes into envelope().recipients: of this host, not done yet.
  const std::vector<std::size_t>& pending() const { return pending_; }
  unsigned attempts() const { return reader_.name().attempts; }

  // text: RFC 3463 status, a blank, then what the remote side or we said: "5.1.1 550 no such user".
  // remote_mta: name of the host that answered, for DSNs; may be empty.
  void delivered(std::size_t recipient, std::string text, std::string remote_mta = "");
  // The same, and the next host takes over the duty to send DSNs (it offered DSN): no "relayed" report.
  void delivered_with_dsn(std::size_t recipient, std::string text, std::string remote_mta = "");
  // Behind either of them: the next host knows nothing of the time by which the message is to be delivered.
  void deadline_lost(std::size_t recipient) { verdicts_.at(place_of(recipient)).deadline_lost = true; }
  // It goes on from here as another message, which has the duty to send DSNs. The text and its queue id.
  void queued_as(std::size_t recipient, const std::string& text, const std::string& queue_id);
  void failed(std::size_t recipient, std::string text, std::string remote_mta = "");
  void deferred(std::size_t recipient, std::string text, std::string remote_mta = "");
  // For all that have no verdict yet.
  void defer_rest(const std::string& text, const std::string& remote_mta = "");
  void fail_rest(const std::string& text, const std::string& remote_mta = "");
  // The host cannot be reached at all: other messages to it need not be tried now. With deferred().
  void host_is_down(std::string why);
  // The host takes mail, but wants less at once.
  void host_is_congested() { congested_ = true; }
  bool is_congested() const { return congested_; }
  // One more field of the event that tells of the verdict, for programs. Behind the verdict, which forgets those before.
  void say(std::size_t recipient, const char* field, std::string value);
  // Not before this wall time, instead of the channel's backoff.
  void retry_at(std::int64_t wall_milliseconds) { retry_at_ms_ = wall_milliseconds; }
  // Not later than this wall time: where the channel's backoff is shorter, it holds.
  void retry_by(std::int64_t wall_milliseconds) { retry_by_ms_ = wall_milliseconds; }
  // The whole file becomes .HELD. Recipients with a verdict keep it.
  void hold(std::string reason) { hold_reason_ = std::move(reason); }
  // The other side has answered, or taken bytes: the delivery does not only wait.
  void moved();
  // What the delivery does now. The frame says when it begins, delivers and settles; a channel that talks to others, more.
  Step& step() { return step_; }
  const Step& step() const { return step_; }
  // Whether the recipient's final delivery happened here (the store): DSN action "delivered", not "relayed".
  void set_final(bool final_delivery) { final_ = final_delivery; }

  // The connection that the answers come by, for mail.log_current.
  struct Wire {
    std::string transport;    // "TCP|server|port|client|port", this host being the client
    std::string application;  // how the server greeted
    mta::mail_log::Modifiers modifiers;
  };
  void set_wire(Wire wire) { wire_ = std::move(wire); }
  const Wire& wire() const { return wire_; }

  enum class Kind { none, delivered, failed, deferred };
  struct Verdict {
    Kind kind = Kind::none;
    std::string text;
    std::string remote_mta;
    bool next_host_reports = false;
    bool deadline_lost = false;
    std::vector<std::pair<const char*, std::string>> fields;
  };
  const Verdict& verdict(std::size_t recipient) const { return verdicts_.at(place_of(recipient)); }
  const std::string& hold_reason() const { return hold_reason_; }
  const std::string& host_down_reason() const { return host_down_; }
  std::int64_t retry_at_ms() const { return retry_at_ms_; }
  std::int64_t retry_by_ms() const { return retry_by_ms_; }
  bool is_final() const { return final_; }
  std::int64_t moved_ms() const { return moved_ms_; }  // monotonic; at first when it was begun

 private:
  void set(std::size_t recipient, Kind kind, std::string text, std::string remote_mta);
  std::size_t place_of(std::size_t recipient) const;  // in pending_ and verdicts_
  mta::queue::Reader reader_;
  std::string host_;
  std::vector<std::size_t> pending_;  // in order
  std::vector<Verdict> verdicts_;
  Wire wire_;
  std::string hold_reason_;
  std::string host_down_;
  std::int64_t retry_at_ms_ = 0, retry_by_ms_ = 0;
  std::int64_t moved_ms_;
  Step step_;
  bool final_ = false, congested_ = false;
};

// What a channel program does. Called on loop 0, several deliver() at a time; an exception defers the unit.
class Channel {
 public:
  virtual ~Channel() = default;
  virtual Task<void> deliver(Work& work) = 0;
  // The last recipient of its file is done, and the file has left the queue.
  virtual void left_queue(const Work& work) { (void)work; }
  // Nothing to do just now (also before the program ends).
  virtual Task<void> idle() { co_return; }
  // The program ends, everything is delivered or given back: close what is open. Comes after idle().
  virtual Task<void> end() { co_return; }
  // Deliveries at once with those that only wait for another host (Work::moved()); 0: these are not told apart.
  virtual unsigned most_at_once() const { return 0; }
};

class MasterContext {
 public:
  MasterContext(Daemon& daemon, std::string channel, std::shared_ptr<mta::queue::Queue> queue)
      : daemon_(daemon), channel_(std::move(channel)), queue_(std::move(queue)) {}
  Daemon& daemon() const { return daemon_; }
  EventLoop& loop() const { return daemon_.loop(0); }
  WorkerPool& workers() const { return daemon_.workers(); }
  const std::string& channel() const { return channel_; }  // "tcp_local"
  const std::shared_ptr<mta::queue::Queue>& queue() const { return queue_; }

 private:
  Daemon& daemon_;
  std::string channel_;
  std::shared_ptr<mta::queue::Queue> queue_;
};

struct MasterOptions {
  const char* program = "";   // "tcp_smtp_client"
  unsigned concurrency = 20;  // deliveries at once; Channel::most_at_once() may allow less, or more
  // Most units to one host at once in this process: 0 no limit (local delivery), else at most that many,
  // growing with the backlog by the channel's threaddepth.
  unsigned per_host = 0;
};

using ChannelFactory = std::function<Result<std::unique_ptr<Channel>>(MasterContext&)>;
int run_master(int argc, char** argv, MasterOptions options, ChannelFactory factory);

}  // namespace waxwing::channels
