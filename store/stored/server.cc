#include "store/stored/server.h"

#include <sys/socket.h>

#include "common/log/log.h"
#include "store/detail/partitions.h"
#include "store/list/protocol.h"
#include "store/stored/event_hub.h"
#include "store/stored/list_recovery.h"
#include "store/stored/list_service.h"

namespace waxwing::store {

using ClientPointer = std::shared_ptr<EventHub::Client>;

struct Server::Inner {
  EventLoop& loop;
  WorkerPool& workers;
  std::shared_ptr<const Config> config;
  EventHub hub;
  std::shared_ptr<ListService> service;
  std::unique_ptr<EventLoop::Timer> checkpoints, purges;
  bool purging = false;
  bool stopping = false;
  int listener = -1;  // owned by the accepting coroutine

  Result<> open_list(const std::shared_ptr<Inner>& self);
  void set_timers(const std::shared_ptr<Inner>& self);
  void take(const ClientPointer& client, Record record);
};

namespace {
Task<void> answer(WorkerPool& workers, std::shared_ptr<ListService> service, ClientPointer client,
                  Record question) {
  auto reply = co_await workers.run([&] { return service->answer(question); });
  (void)client->socket.send(reply);
}

template <class Inner>
Task<void> serve(std::shared_ptr<Inner> self, ClientPointer client) {
  self->hub.join(client);
  for (;;) {
    auto packet = co_await client->socket.receive();
    if (!packet || !*packet) break;
    self->take(client, std::move((*packet)->record));
  }
  self->hub.leave(client);
}
}  // namespace

void Server::Inner::take(const ClientPointer& client, Record record) {
  const auto what = [&] {
    return record.has("mailbox") ? "mailbox=" + std::string(record.get("mailbox"))
                                 : "user=" + std::string(record.get("user"));
  };
  if (record.is("watch")) return hub.watch(client, what());
  if (record.is("unwatch")) return hub.unwatch(client, what());
  if (!record.is("event")) return spawn(answer(workers, service, client, std::move(record)));
  const auto event = decode_event(record);
  if (!event) return;
  hub.pass_on(*event, client.get());
  if (event->kind == EventKind::expunged)
    workers.submit([service = service, mailbox = event->mailbox] { service->note_expunge(mailbox); });
}

Result<> Server::Inner::open_list(const std::shared_ptr<Inner>& self) {
  const auto directory = config->path_of("store/mboxlist");
  TRY(auto list, store::open_list(directory, static_cast<std::uint64_t>(config->number("store.dbcachesize")),
                                  partitions_of(*config)));
  std::weak_ptr<Inner> weak = self;
  service =
      std::make_shared<ListService>(config, std::move(list.db), [weak, &loop = loop](const Event& event) {
        loop.post([weak, event] {
          if (const auto self = weak.lock()) self->hub.pass_on(event, nullptr);
        });
      });
  if (!list.lost) return service->prepare_partitions();
  TRY(const auto report, service->rebuild(list.salvaged));
  TRY_VOID(rebuild_is_done(directory));
  log::Event("stored.list.rebuilt")
      .with("mailboxes", static_cast<std::int64_t>(report.mailboxes))
      .with("renamed", static_cast<std::int64_t>(report.renamed))
      .with("left-out", static_cast<std::int64_t>(report.left_out))
      .with("subscriptions", static_cast<std::int64_t>(report.subscriptions))
      .critical();
  return {};
}

void Server::Inner::set_timers(const std::shared_ptr<Inner>& self) {
  checkpoints = loop.every(config->number("store.checkpointinterval") * 1000, [self = self.get()] {
    self->workers.submit([service = self->service] {
      if (const auto done = service->checkpoint(); !done)
        log::Event("stored.checkpoint.failed").with("reason", done.error().text).error();
    });
  });
  purges = loop.every(config->number("store.purgeinterval") * 1000, [weak = std::weak_ptr(self)] {
    const auto self = weak.lock();
    if (!self || self->purging) return;
    self->purging = true;
    self->workers.submit([weak, service = self->service, &loop = self->loop] {
      service->purge_due();
      loop.post([weak] {
        if (const auto again = weak.lock()) again->purging = false;
      });
    });
  });
}

Server::Server() = default;

Result<std::unique_ptr<Server>> Server::start(EventLoop& loop, WorkerPool& workers,
                                              std::shared_ptr<const Config> config) {
  std::unique_ptr<Server> server(new Server);
  server->inner_ = std::make_shared<Inner>(loop, workers, std::move(config));
  const auto& inner = server->inner_;
  TRY_VOID(inner->open_list(inner));
  workers.submit([service = inner->service] { service->sweep(); });
  TRY(auto listener, listen_unix(inner->config->path_of("run/stored")));
  inner->listener = listener.get();
  serve_unix(loop, std::move(listener), [weak = std::weak_ptr(inner)](PacketSocket socket) {
    const auto self = weak.lock();
    if (self && !self->stopping) spawn(serve(self, std::make_shared<EventHub::Client>(std::move(socket))));
  });
  inner->set_timers(inner);
  return server;
}

Server::~Server() {
  inner_->stopping = true;
  if (inner_->listener >= 0) {
    ::shutdown(inner_->listener, SHUT_RDWR);  // accept fails, its coroutine ends and closes
    inner_->loop.cancel_waits(inner_->listener);
  }
  inner_->checkpoints.reset();
  inner_->purges.reset();
  inner_->hub.close_all();
}

}  // namespace waxwing::store
