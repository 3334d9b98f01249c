#include "popd/server.h"

#include "common/base/strings.h"
#include "common/log/log.h"
#include "popd/session.h"

namespace waxwing::pop {

std::shared_ptr<const Settings> Settings::from(const Config& config) {
  auto settings = std::make_shared<Settings>();
  settings->banner = config.text("pop.banner");
  settings->host = config.text("local.hostname");
  settings->idle_ms = config.number("pop.idletimeout") * 1000;
  settings->max_sessions = static_cast<std::size_t>(config.number("pop.maxsessions"));
  settings->lock_mailbox = config.flag("pop.lockmailbox");
  settings->max_login_failures = config.number("pop.maxloginfailures");
  settings->fail_delay_ms = config.number("pop.faildelay") * 1000;
  return settings;
}

Result<std::unique_ptr<Server>> Server::create(Daemon& daemon) {
  std::unique_ptr<Server> server(new Server(daemon));
  const auto config = daemon.config();
  server->settings_.set(Settings::from(*config));
  server->tls_.load(*config);
  TRY(server->store_, store::Store::open(config));
  TRY(auto directory, directory::Directory::open(*config));
  TRY(server->logins_, auth::Authenticator::open(*config, std::move(directory)));
  return server;
}

Server::~Server() = default;

void Server::reload() {
  settings_.set(Settings::from(*daemon_.config()));
  if (const auto trouble = tls_.load(*daemon_.config()); !trouble.empty()) daemon_.reload_refused(trouble);
  logins_->flush();
  logins_->directory().flush();
}

Result<> Server::listen() {
  const auto config = daemon_.config();
  const auto addresses = config->text("local.listenaddr");
  for (const bool tls_first : {false, true}) {
    const auto port = config->number(tls_first ? "pop.sslport" : "pop.port");
    TRY_VOID(sessions_.listen(addresses, port, [this, tls_first](EventLoop& loop, UniqueFd socket) {
      return serve(*this, loop, std::move(socket), tls_first);
    }));
  }
  return {};
}

Task<void> Server::serve(Server& server, EventLoop& loop, UniqueFd socket, bool tls_first) {
  Stream stream(loop, std::move(socket));
  if (tls_first && !server.tls()) co_return;  // until a reload finds a certificate
  auto place = server.sessions_.place(server.settings()->max_sessions);
  if (place) {
    Session session(server, std::move(stream), tls_first);
    co_await server.sessions_.run(loop, session, std::move(place));
    co_return;
  }
  log::Event("pop.refused").with("peer", stream.peer_address()).with("reason", "pop.maxsessions").warning();
  if (!tls_first) stream.write("-ERR [SYS/TEMP] too many sessions, try again later\r\n");
  auto flushed = co_await stream.flush();
  static_cast<void>(flushed);
}

}  // namespace waxwing::pop
