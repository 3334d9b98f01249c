// stored: the mailbox list, subscriptions and store events: the only process that opens Berkeley DB.
//
//   run/stored → a connection per process → questions about the list, each on a worker thread
//                                         → events of writers, passed on at once to who watches
//   timers: checkpoint of the list; purge of what was expunged long enough ago
//
// Killed at any point, it recovers the list at its next start and goes on; the others wait, ask again what
// had no answer, and look at their mailboxes once more. See stored(8).
#include <ctime>
#include <memory>

#include "common/base/time.h"
#include "common/daemon/daemon.h"
#include "common/log/log.h"
#include "store/list/protocol.h"
#include "store/store.h"
#include "store/stored/event_hub.h"
#include "store/stored/list_service.h"

using namespace waxwing;
using namespace waxwing::store;

namespace {

struct Stored {
  Daemon& daemon;
  EventHub hub;
  std::unique_ptr<ListService> service;
  std::unique_ptr<EventLoop::Timer> checkpoints, purges;
  bool purging = false;
};
using ClientPointer = std::shared_ptr<EventHub::Client>;

Task<void> answer(Stored& self, ClientPointer client, Record question) {
  auto reply = co_await self.daemon.workers().run([&] { return self.service->answer(question); });
  (void)client->socket.send(reply);
}

void note_expunge(Stored& self, const std::string& mailbox) {
  self.daemon.workers().submit([&self, mailbox] { self.service->note_expunge(mailbox); });
}

void take(Stored& self, const ClientPointer& client, Record record) {
  const auto what = [&] {
    return record.has("mailbox") ? "mailbox=" + std::string(record.get("mailbox"))
                                 : "user=" + std::string(record.get("user"));
  };
  if (record.is("watch")) return self.hub.watch(client, what());
  if (record.is("unwatch")) return self.hub.unwatch(client, what());
  if (!record.is("event")) return spawn(answer(self, client, std::move(record)));
  const auto event = decode_event(record);
  if (!event) return;
  self.hub.pass_on(*event, client.get());
  if (event->kind == EventKind::expunged) note_expunge(self, event->mailbox);
}

Task<void> serve(Stored& self, ClientPointer client) {
  self.hub.join(client);
  for (;;) {
    auto packet = co_await client->socket.receive();
    if (!packet || !*packet) break;
    take(self, client, std::move((*packet)->record));
  }
  self.hub.leave(client);
}

// A database that recovery cannot mend is set aside; the partitions know which mailboxes there are.
Result<> open_list(Stored& self) {
  const auto& config = *self.daemon.config();
  const auto directory = config.path_of("store/mboxlist");
  const auto cache_bytes = static_cast<std::uint64_t>(config.number("store.dbcachesize"));
  auto db = ListDb::open(directory, cache_bytes);
  const bool lost = !db && code_of(db.error()) == Code::corrupt;
  if (lost) {
    const auto aside = directory + ".damaged." + std::to_string(wall_seconds());
    log::Event("stored.list.damaged").with("reason", db.error().text).with("set-aside", aside).critical();
    if (::rename(directory.c_str(), aside.c_str()) != 0)
      return std::unexpected(system_error("cannot rename " + directory, errno));
    db = ListDb::open(directory, cache_bytes);
  }
  if (!db) return std::unexpected(db.error());
  self.service =
      std::make_unique<ListService>(self.daemon.config(), std::move(*db), [&self](const Event& event) {
        self.daemon.loop().post([&self, event] { self.hub.pass_on(event, nullptr); });
      });
  if (!lost) return {};
  TRY(const auto adopted, self.service->adopt_all());
  log::Event("stored.list.rebuilt").with("mailboxes", static_cast<std::int64_t>(adopted)).critical();
  return {};
}

void set_timers(Stored& self) {
  auto& loop = self.daemon.loop();
  const auto& config = *self.daemon.config();
  self.checkpoints = loop.every(config.number("store.checkpointinterval") * 1000, [&self] {
    self.daemon.workers().submit([&self] {
      if (const auto done = self.service->checkpoint(); !done)
        log::Event("stored.checkpoint.failed").with("reason", done.error().text).error();
    });
  });
  self.purges = loop.every(config.number("store.purgeinterval") * 1000, [&self] {
    if (self.purging) return;
    self.purging = true;
    self.daemon.workers().submit([&self] {
      self.service->purge_due();
      self.daemon.loop().post([&self] { self.purging = false; });
    });
  });
}

Result<> start(Daemon& daemon) {
  auto& self = *new Stored{daemon, {}, {}, {}, {}};  // lives as long as the process
  TRY_VOID(open_list(self));
  daemon.workers().submit([&self] { self.service->sweep(); });
  TRY(auto listener, listen_unix(daemon.config()->path_of("run/stored")));
  serve_unix(daemon.loop(), std::move(listener), [&self](PacketSocket socket) {
    spawn(serve(self, std::make_shared<EventHub::Client>(std::move(socket))));
  });
  set_timers(self);
  daemon.on_stop([&self] {
    self.checkpoints.reset();
    self.purges.reset();
  });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "stored", {.loops = 1}, start);
}
