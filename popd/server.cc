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
  settings->max_sessions = config.number("pop.maxsessions");
  settings->lock_mailbox = config.flag("pop.lockmailbox");
  settings->max_login_failures = config.number("pop.maxloginfailures");
  settings->fail_delay_ms = config.number("pop.faildelay") * 1000;
  return settings;
}

Result<std::unique_ptr<Server>> Server::create(Daemon& daemon) {
  std::unique_ptr<Server> server(new Server(daemon));
  const auto config = daemon.config();
  server->settings_ = Settings::from(*config);
  server->tls_.load(*config);
  TRY(server->store_, store::Store::open(config));
  TRY(auto directory, directory::Directory::open(*config));
  TRY(server->logins_, auth::Authenticator::open(*config, std::move(directory)));
  for (std::size_t i = 0; i < daemon.loops(); ++i) server->sessions_[&daemon.loop(i)];
  return server;
}

Server::~Server() = default;

std::shared_ptr<const Settings> Server::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

void Server::reload() {
  auto settings = Settings::from(*daemon_.config());
  tls_.load(*daemon_.config());
  logins_->flush();
  logins_->directory().flush();
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

Result<> Server::listen() {
  const auto config = daemon_.config();
  const auto port = static_cast<int>(config->number("pop.port"));
  const auto tls_port = static_cast<int>(config->number("pop.sslport"));
  const auto addresses = config->text("local.listenaddr");
  for (const auto piece : split(addresses, ',')) {
    const std::string address(trim(piece));
    if (address.empty()) continue;
    if (port != 0) TRY_VOID(listen(address, port, false));
    if (tls_port != 0 && tls()) TRY_VOID(listen(address, tls_port, true));
  }
  return {};
}

Result<> Server::listen(const std::string& address, int port, bool tls_first) {
  TRY(auto socket, listen_tcp(address, port, 1024));
  auto accept = [this, tls_first](UniqueFd connection) {
    auto& loop = daemon_.next_loop();
    const int fd = connection.release();
    loop.post([this, &loop, fd, tls_first] { spawn(serve(*this, loop, fd, tls_first)); });
  };
  listeners_.push_back(std::make_unique<Listener>(daemon_.loop(), std::move(socket), std::move(accept)));
  return {};
}

Task<void> Server::serve(Server& server, EventLoop& loop, int fd, bool tls_first) {
  const auto guard = server.daemon_.session();
  Stream stream(loop, UniqueFd(fd));
  if (server.session_count_.fetch_add(1) >= server.settings()->max_sessions) {
    log::Event("pop.refused").with("peer", stream.peer_address()).with("reason", "pop.maxsessions").warning();
    if (!tls_first) stream.write("-ERR [SYS/TEMP] too many sessions, try again later\r\n");
    auto flushed = co_await stream.flush();
    static_cast<void>(flushed);
  } else {
    Session session(server, std::move(stream), tls_first);
    auto& sessions = server.sessions_.at(&loop);
    sessions.insert(&session);
    try {
      co_await session.run();
    } catch (const std::exception& error) {
      log::Event("pop.session.exception").with("sid", session.id()).with("what", error.what()).error();
    }
    sessions.erase(&session);
  }
  server.session_count_.fetch_sub(1);
}

void Server::stop() {
  for (const auto& listener : listeners_) listener->stop();
  for (auto& [loop, sessions] : sessions_) {
    loop->post([&sessions = sessions] {
      for (auto* session : sessions) session->wake();
    });
  }
}

}  // namespace waxwing::pop
