#include "lmtpd/server.h"

#include <cstdlib>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "lmtpd/session.h"

namespace waxwing::lmtp {

std::shared_ptr<const Settings> Settings::from(const Config& config) {
  auto settings = std::make_shared<Settings>();
  settings->host = config.text("local.hostname");
  settings->max_message_bytes = static_cast<std::uint64_t>(config.number("lmtp.maxmessagesize"));
  settings->max_recipients = static_cast<std::size_t>(config.number("lmtp.maxrecipients"));
  settings->timeout_ms = config.number("lmtp.timeout") * 1000;
  return settings;
}

Result<std::unique_ptr<Server>> Server::create(Daemon& daemon) {
  std::unique_ptr<Server> server(new Server(daemon));
  const auto config = daemon.config();
  server->settings_ = Settings::from(*config);
  server->tls_.load(*config);
  TRY(server->store_, store::Store::open(config));
  TRY(server->directory_, directory::Directory::open(*config));
  for (std::size_t i = 0; i < daemon.loops(); ++i) server->sessions_[&daemon.loop(i)];
  daemon.on_reload([self = server.get()] { self->reload(); });
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
  directory_->flush();
  const std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

Result<> Server::start() {
  if (std::getenv("WAXWING_DISPATCHER_FD") == nullptr) return listen();
  TRY(auto socket, dispatcher_socket_from_environment());
  worker_ = std::make_unique<WorkerSide>(daemon_, std::move(socket));
  worker_->on_stop([this] { wake_all(); });
  worker_->serve([this](EventLoop& loop, AcceptedConnection connection) {
    return serve(*this, loop, std::move(connection));
  });
  return {};
}

Result<> Server::listen() {
  const auto config = daemon_.config();
  const auto port = static_cast<int>(config->number("lmtp.port"));
  const auto addresses = config->text("lmtp.interface");
  for (const auto piece : split(addresses, ',')) {
    const std::string address(trim(piece));
    if (address.empty() || port == 0) continue;
    TRY(auto socket, listen_tcp(address, port, 1024));
    auto accept = [this](UniqueFd connection) {
      auto& loop = daemon_.next_loop();
      const int fd = connection.release();
      loop.post([this, &loop, fd] { spawn(serve_accepted(*this, loop, fd)); });
    };
    listeners_.push_back(std::make_unique<Listener>(daemon_.loop(), std::move(socket), std::move(accept)));
  }
  if (listeners_.empty())
    return permanent("lmtp.port is 0 or lmtp.interface is empty: there is nothing to listen on");
  daemon_.on_stop([this] {
    for (const auto& listener : listeners_) listener->stop();
    wake_all();
  });
  return {};
}

Task<void> Server::serve(Server& server, EventLoop& loop, AcceptedConnection connection) {
  Session session(server, loop, std::move(connection));
  auto& sessions = server.sessions_.at(&loop);
  sessions.insert(&session);
  try {
    co_await session.run();
  } catch (const std::exception& error) {
    log::Event("lmtp.session.exception").with("sid", session.id()).with("what", error.what()).error();
  }
  sessions.erase(&session);
}

Task<void> Server::serve_accepted(Server& server, EventLoop& loop, int fd) {
  const auto guard = server.daemon_.session();
  const auto peer = peer_name(fd), local = local_name(fd);
  AcceptedConnection connection;
  connection.fd = UniqueFd(fd);
  connection.peer_address = peer.address;
  connection.peer_port = peer.port;
  connection.local_address = local.address;
  connection.local_port = local.port;
  co_await serve(server, loop, std::move(connection));
}

void Server::wake_all() {
  for (auto& [loop, sessions] : sessions_) {
    loop->post([&sessions = sessions] {
      for (auto* session : sessions) session->wake();
    });
  }
}

}  // namespace waxwing::lmtp
