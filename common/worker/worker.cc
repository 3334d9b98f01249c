#include "common/worker/worker.h"

#include <unistd.h>

#include <atomic>
#include <csignal>

#include "common/log/log.h"

namespace waxwing {

struct WorkerSide::Inner : std::enable_shared_from_this<WorkerSide::Inner> {
  Inner(Daemon& owner, UniqueFd socket) : daemon(owner), dispatcher(owner.loop(), std::move(socket)) {}

  Daemon& daemon;
  PacketSocket dispatcher;
  Handler handler;
  std::function<void()> stop_handler;
  std::atomic<std::int64_t> active{0};
  Record closed{"closed"};  // not sent yet; main loop only
  std::atomic<bool> draining{false}, stopping{false};
  bool final = false;  // the dispatcher sends no more connections

  // Sessions that end in one turn of the loop are told of in one packet.
  void ended(const std::string& peer_address) {
    constexpr std::size_t kMostInPacket = 500;
    if (closed.fields().empty()) daemon.loop().post([self = shared_from_this()] { self->report(); });
    closed.set("peer", peer_address);
    if (closed.fields().size() >= kMostInPacket) report();
  }

  void report() {
    if (!closed.fields().empty() && !dispatcher.broken()) (void)dispatcher.send(closed);
    closed = Record("closed");
  }

  void begin_stop() {
    if (stopping.exchange(true)) return;
    if (!draining.exchange(true)) (void)dispatcher.send(Record("draining"));
    if (stop_handler) stop_handler();
  }

  // The process ends by the way every daemon ends, once nothing is left to do.
  void end_when_idle() {
    if (final && active == 0 && !daemon.stopping()) ::kill(::getpid(), SIGTERM);
  }

  void take(Packet packet) {
    auto connection = AcceptedConnection::from_packet(std::move(packet));
    if (!connection) {
      log::Event("worker.connection.bad").with("error", connection.error().text).error();
      return;
    }
    ++active;
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
    self->daemon.loop().post([self, peer_address] {
      --self->active;
      self->ended(peer_address);
      self->end_when_idle();
    });
  }

  static Task<void> listen(std::shared_ptr<Inner> self) {
    (void)self->dispatcher.send(Record("ready"));
    for (;;) {
      auto got = co_await self->dispatcher.receive();
      if (!got || !*got) break;
      Packet& packet = **got;
      if (packet.record.is("connection")) {
        self->take(std::move(packet));
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
