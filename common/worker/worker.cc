#include "common/worker/worker.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "common/log/log.h"

namespace waxwing {

namespace {
// How late the dispatcher may learn of sessions that are over: it asks before it would turn anybody away.
constexpr std::size_t kMostUnreported = 16;
constexpr std::int64_t kReportMs = 50;
constexpr std::size_t kMostInPacket = 500;
constexpr int kDoorBufferBytes = 4 << 20;  // clipped by the kernel to its limit
}  // namespace

struct WorkerSide::Inner : std::enable_shared_from_this<WorkerSide::Inner> {
  Inner(Daemon& owner, UniqueFd socket) : daemon(owner), dispatcher(owner.loop(), std::move(socket)) {}

  Daemon& daemon;
  PacketSocket dispatcher;
  Handler handler;
  std::function<void()> stop_handler;
  std::atomic<std::int64_t> active{0};
  std::atomic<bool> draining{false}, stopping{false};
  std::atomic<bool> final{false};  // the dispatcher has said that it sends no more connections
  std::size_t doors = 0;           // through which some may still be on their way; main loop only

  std::mutex closed_mutex;
  std::vector<std::string> closed;  // clients whose sessions are over, not told of yet
  bool report_due = false;          // report_soon() runs

  // Any loop. The report is sent by the main loop, for many at a time.
  void ended(const std::string& peer_address) {
    bool full = false, first = false;
    {
      const std::lock_guard lock(closed_mutex);
      closed.push_back(peer_address);
      full = closed.size() == kMostUnreported;
      first = !std::exchange(report_due, true);
    }
    --active;
    if (full || final)
      daemon.loop().post([self = shared_from_this()] {
        self->report();
        self->end_when_idle();
      });
    if (first) daemon.loop().post([self = shared_from_this()] { spawn(report_soon(self)); });
  }

  static Task<void> report_soon(std::shared_ptr<Inner> self) {
    co_await self->daemon.loop().sleep(kReportMs);
    {
      const std::lock_guard lock(self->closed_mutex);
      self->report_due = false;
    }
    self->report();
  }

  void report() {
    std::vector<std::string> due;
    {
      const std::lock_guard lock(closed_mutex);
      due.swap(closed);
    }
    for (std::size_t at = 0; at < due.size() && !dispatcher.broken(); at += kMostInPacket) {
      Record record("closed");
      for (std::size_t i = at; i < std::min(due.size(), at + kMostInPacket); ++i) record.set("peer", due[i]);
      (void)dispatcher.send(record);
    }
  }

  void begin_stop() {
    if (stopping.exchange(true)) return;
    if (!draining.exchange(true)) (void)dispatcher.send(Record("draining"));
    if (stop_handler) stop_handler();
  }

  // The process ends by the way every daemon ends, once nothing is left to do.
  void end_when_idle() {
    if (final && doors == 0 && active == 0 && !daemon.stopping()) ::kill(::getpid(), SIGTERM);
  }

  // Counted as active from here on. One that came without its descriptor (this process can open no more) is over
  // at once: the dispatcher has counted it.
  std::optional<AcceptedConnection> take(Packet packet) {
    const std::string peer_address(packet.record.get("peer"));
    ++active;
    auto connection = AcceptedConnection::from_packet(std::move(packet));
    if (connection) return std::move(*connection);
    log::Event("worker.connection.bad")
        .with("peer", peer_address)
        .with("error", connection.error().text)
        .error();
    ended(peer_address);
    return std::nullopt;
  }

  // One that came before the doors were known.
  void pass_on(Packet packet) {
    auto connection = take(std::move(packet));
    if (!connection) return;
    auto& loop = daemon.next_loop();
    // std::function wants something it can copy.
    auto shared = std::make_shared<AcceptedConnection>(std::move(*connection));
    loop.post([self = shared_from_this(), &loop, shared] { spawn(session(self, loop, std::move(*shared))); });
  }

  static Task<void> session(std::shared_ptr<Inner> self, EventLoop& loop, AcceptedConnection connection) {
    const auto guard = self->daemon.session();
    const std::string info = connection.transport_info();
    const std::string peer_address = connection.peer_address;
    try {
      auto work = self->handler(loop, std::move(connection));
      co_await std::move(work);
    } catch (const std::exception& error) {
      log::Event("worker.session.exception").with("peer", info).with("what", error.what()).error();
    }
    self->ended(peer_address);
  }

  // A door for each loop: a connection comes in on the loop that serves it.
  void open_doors() {
    for (std::size_t i = 0; i < daemon.loops(); ++i) {
      int pair[2];
      if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return;
      auto ours = std::make_shared<UniqueFd>(pair[0]);  // std::function wants something it can copy
      UniqueFd theirs(pair[1]);
      ::setsockopt(theirs.get(), SOL_SOCKET, SO_SNDBUF, &kDoorBufferBytes, sizeof kDoorBufferBytes);
      ++doors;
      auto& loop = daemon.loop(i);
      loop.post([self = shared_from_this(), &loop, ours] { spawn(door(self, loop, std::move(*ours))); });
      (void)dispatcher.send(Record("door"), std::move(theirs));
    }
  }

  static Task<void> door(std::shared_ptr<Inner> self, EventLoop& loop, UniqueFd fd) {
    PacketSocket socket(loop, std::move(fd));
    for (;;) {
      auto got = co_await socket.receive();
      if (!got) {  // one packet that is no record: those behind it are good all the same
        log::Event("worker.packet.bad").with("error", got.error().text).error();
        continue;
      }
      if (!*got || !(*got)->record.is("connection")) break;
      auto connection = self->take(std::move(**got));
      if (!connection) continue;
      spawn(session(self, loop, std::move(*connection)));
    }
    self->daemon.loop().post([self] {
      --self->doors;
      self->end_when_idle();
    });
  }

  static Task<void> listen(std::shared_ptr<Inner> self) {
    self->open_doors();
    (void)self->dispatcher.send(Record("ready"));
    for (;;) {
      auto got = co_await self->dispatcher.receive();
      if (!got || !*got) break;
      Packet& packet = **got;
      if (packet.record.is("connection")) {
        self->pass_on(std::move(packet));
      } else if (packet.record.is("report")) {
        self->report();
        (void)self->dispatcher.send(Record("reported"));
      } else if (packet.record.is("drain") || packet.record.is("stop")) {
        self->final = true;
        self->draining = true;
        if (packet.record.is("stop")) self->begin_stop();
        self->end_when_idle();
      } else {
        log::Event("worker.record.unknown").with("verb", packet.record.verb()).warning();
      }
    }
    if (!self->final) log::Event("worker.dispatcher.gone").with("active", self->active.load()).notice();
    self->final = true;
    self->draining = true;
    self->end_when_idle();
  }
};

WorkerSide::WorkerSide(Daemon& daemon, UniqueFd dispatcher)
    : inner_(std::make_shared<Inner>(daemon, std::move(dispatcher))) {}
WorkerSide::~WorkerSide() = default;

void WorkerSide::serve(Handler handler) {
  inner_->handler = std::move(handler);
  inner_->daemon.on_stop([inner = inner_] { inner->begin_stop(); });
  spawn(Inner::listen(inner_));
}

void WorkerSide::on_stop(std::function<void()> handler) {
  inner_->stop_handler = std::move(handler);
}

}  // namespace waxwing
