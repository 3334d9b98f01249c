#include "lmtpd/server.h"

#include <cstdlib>

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
  server->settings_.set(Settings::from(*config));
  server->tls_.load(*config);
  TRY(server->store_, store::Store::open(config));
  TRY(server->directory_, directory::Directory::open(*config));
  daemon.on_reload([self = server.get()] { self->reload(); });
  return server;
}

Server::~Server() = default;

void Server::reload() {
  settings_.set(Settings::from(*daemon_.config()));
  if (const auto trouble = tls_.load(*daemon_.config()); !trouble.empty()) daemon_.reload_refused(trouble);
  directory_->flush();
}

Result<> Server::start() {
  if (std::getenv("WAXWING_DISPATCHER_FD") == nullptr) return listen();
  TRY(auto socket, dispatcher_socket_from_environment());
  worker_ = std::make_unique<WorkerSide>(daemon_, std::move(socket));
  worker_->on_stop([this] { sessions_.stop(); });
  worker_->serve([this](EventLoop& loop, AcceptedConnection connection) {
    return serve(*this, loop, std::move(connection));
  });
  return {};
}

Result<> Server::listen() {
  const auto config = daemon_.config();
  const auto serve_accepted = [this](EventLoop& loop, UniqueFd socket) {
    return serve(*this, loop, AcceptedConnection::from_socket(std::move(socket)));
  };
  TRY_VOID(sessions_.listen(config->text("lmtp.interface"), config->number("lmtp.port"), serve_accepted));
  if (!sessions_.listening())
    return permanent("lmtp.port is 0 or lmtp.interface is empty: there is nothing to listen on");
  daemon_.on_stop([this] { sessions_.stop(); });
  return {};
}

Task<void> Server::serve(Server& server, EventLoop& loop, AcceptedConnection connection) {
  Session session(server, loop, std::move(connection));
  co_await server.sessions_.run(loop, session);
}

}  // namespace waxwing::lmtp
