#include "smtpd/server.h"

#include "common/log/log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

Result<std::shared_ptr<Server>> Server::create(Daemon& daemon, WorkerService service) {
  std::shared_ptr<Server> server(new Server(daemon, std::move(service)));
  TRY(server->submitter_, mta::Submitter::create(daemon));
  TRY(server->authenticator_, auth::Authenticator::open(*daemon.config(), server->submitter_->directory()));
  server->tls_.load(*daemon.config());
  TRY_VOID(server->make_picture());
  Resolver::Options dns;
  dns.server = daemon.config()->text("dns.server");
  for (std::size_t i = 0; i < daemon.loops(); ++i)
    server->resolvers_[&daemon.loop(i)] = std::make_unique<Resolver>(daemon.loop(i), dns);
  daemon.on_reload([weak = std::weak_ptr(server)] {
    if (const auto self = weak.lock()) self->reload();
  });
  return server;
}

Result<> Server::make_picture() {
  auto picture = std::make_shared<Picture>();
  picture->config = submitter_->config();
  const auto name = service_.parameter("CHANNEL", "tcp_local");
  picture->start = picture->config->channel(name);
  if (!picture->start)
    return permanent("service " + service_.name + ": channel " + name +
                     " (PARAMETER=CHANNEL= in dispatcher.cnf) is not in imta.cnf");
  const auto file = name + "_option";
  TRY(picture->options, mta::parse_tcp_options(picture->config->text(file), file));
  for (const auto& note : picture->options.notes) log::Event("smtpd.config.note").with("text", note).notice();
  const auto& limits = picture->config->options();
  picture->host = picture->config->local_host();
  picture->software = limits.text(mta::Opt::RECEIVED_VERSION);
  if (picture->software.empty()) picture->software = "Waxwing Messaging Server";
  const std::lock_guard lock(mutex_);
  picture_ = std::move(picture);
  return {};
}

void Server::reload() {
  if (const auto made = make_picture(); !made)
    log::Event("smtpd.reload.refused").with("error", made.error().text).error();
  authenticator_->flush();
  tls_.load(*daemon_.config());
}

std::shared_ptr<const Picture> Server::picture() const {
  const std::lock_guard lock(mutex_);
  return picture_;
}

void Server::enter(Session& session, EventLoop& loop) {
  const std::lock_guard lock(mutex_);
  sessions_[&session] = &loop;
}

void Server::leave(Session& session) {
  const std::lock_guard lock(mutex_);
  sessions_.erase(&session);
}

// A session may be gone when its loop comes to it: only those that are still entered are touched, and a
// session leaves on its own loop.
void Server::wake_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& [session, loop] : sessions_)
    loop->post([this, session = session] {
      {
        const std::lock_guard again(mutex_);
        if (!sessions_.contains(session)) return;
      }
      session->wake();
    });
}

}  // namespace waxwing::smtpd
