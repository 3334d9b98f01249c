#include "metermaid/server.h"

#include <utility>

#include "common/base/file.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "metermaid/settings.h"

namespace waxwing::metermaid {

namespace {
constexpr std::int64_t kSaveMs = 60000;
}

Result<std::unique_ptr<Server>> Server::start(Daemon& daemon) {
  const auto folder = daemon.config()->path_of("metermaid");
  std::unique_ptr<Server> server(new Server(daemon, folder + "/tables"));
  TRY_VOID(server->make_tables());
  // Without a place for its file it counts all the same, and says at each save that it forgets.
  if (const auto made = make_directories(folder); !made)
    log::Event("metermaid.folder.missing").with("why", made.error().text).error();
  server->load();
  TRY(auto listener, listen_unix(daemon.config()->path_of("run/metermaid")));
  serve_unix(daemon.loop(), std::move(listener),
             [self = server.get()](PacketSocket socket) { spawn(serve(*self, std::move(socket))); });
  server->timer_ = daemon.loop().every(kSaveMs, [self = server.get()] { self->save(); });
  daemon.on_stop([self = server.get()] { self->save(); });
  daemon.on_reload([self = server.get()] {
    if (const auto made = self->make_tables(); !made) {
      log::Event("metermaid.reload.refused").with("error", made.error().text).error();
      self->daemon_.reload_refused(made.error().text);
    }
  });
  return server;
}

Server::~Server() = default;

// Rules may be others after a reload; what was counted stays.
Result<> Server::make_tables() {
  TRY(const auto rules, table_rules(*daemon_.config()));
  snapshot_.begin_anew();
  Tables fresh;
  for (const auto& [name, rule] : rules) {
    auto& table = fresh.emplace(name, Table(rule)).first->second;
    if (const auto old = tables_.find(name); old != tables_.end())
      for (const auto& entry : old->second.entries()) table.restore(entry);
  }
  tables_ = std::move(fresh);
  return {};
}

void Server::load() {
  const auto loaded = snapshot_.load(tables_);
  if (!loaded)
    log::Event("metermaid.tables.lost").with("why", loaded.error().text).error();
  else if (loaded->damaged_lines > 0)
    log::Event("metermaid.tables.damaged")
        .with("lines", static_cast<std::int64_t>(loaded->damaged_lines))
        .warning();
}

// A crash may cost a minute of counting, and nobody waits for the disk.
void Server::save() {
  save_again_ = true;
  if (!saving_) spawn(write_changes(*this));
}

Task<void> Server::write_changes(Server& server) {
  const auto until_done = server.daemon_.session();  // the last ones are written before the daemon ends
  server.saving_ = true;
  while (std::exchange(server.save_again_, false) && !server.tables_.empty()) {
    auto portion = server.snapshot_.take(server.tables_);
    auto write = [&] { return server.snapshot_.write(portion); };
    auto written = co_await server.daemon_.workers().run(write);
    server.snapshot_.note(portion, written.has_value());
    if (!written && !portion.whole)
      server.save_again_ = true;  // what cannot be added to is written anew
    else if (!written)
      log::Event("metermaid.tables.not_saved").with("why", written.error().text).error();
  }
  server.saving_ = false;
}

Task<void> Server::serve(Server& server, PacketSocket socket) {
  for (;;) {
    auto packet = co_await socket.receive();
    if (!packet || !*packet) co_return;
    if (!socket.send(answer(server.tables_, (*packet)->record, wall_ms()))) co_return;
  }
}

}  // namespace waxwing::metermaid
