#include "popd/server.h"

#include "common/daemon/mail_server.h"
#include "popd/session.h"

namespace waxwing::pop {

namespace {
constexpr const char* kNoPlace = "-ERR [SYS/TEMP] too many sessions, try again later\r\n";
}

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
  return listen_on_both_ports(
      sessions_, *daemon_.config(),
      [this](EventLoop& loop, UniqueFd socket, bool tls_first) {
        return serve_session<Session>(*this, sessions_, loop, std::move(socket), tls_first, kNoPlace);
      },
      true);
}

}  // namespace waxwing::pop
