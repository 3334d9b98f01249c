#include "smtpd/server.h"

#include "common/log/log.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

Result<std::shared_ptr<Server>> Server::create(Daemon& daemon, WorkerService service) {
  std::shared_ptr<Server> server(new Server(daemon, std::move(service)));
  TRY(server->submitter_, mta::Submitter::create(daemon));
  TRY(server->authenticator_, auth::Authenticator::open(*daemon.config(), server->submitter_->directory()));
  server->tls_.load(*daemon.config());
  TRY_VOID(server->make_settings());
  Resolver::Options dns;
  dns.server = daemon.config()->text("dns.server");
  for (std::size_t i = 0; i < daemon.loops(); ++i)
    server->resolvers_[&daemon.loop(i)] = std::make_unique<Resolver>(daemon.loop(i), dns);
  daemon.on_reload([weak = std::weak_ptr(server)] {
    if (const auto self = weak.lock()) self->reload();
  });
  return server;
}

Result<> Server::make_settings() {
  auto settings = std::make_shared<Settings>();
  settings->config = submitter_->config();
  const auto name = service_.parameter("CHANNEL", "tcp_local");
  settings->start = settings->config->channel(name);
  if (!settings->start)
    return permanent("service " + service_.name + ": channel " + name +
                     " (PARAMETER=CHANNEL= in dispatcher.cnf) is not in imta.cnf");
  const auto file = name + "_option";
  TRY(settings->options, mta::parse_tcp_options(settings->config->text(file), file));
  for (const auto& note : settings->options.notes)
    log::Event("smtpd.config.note").with("text", note).notice();
  const auto& limits = settings->config->options();
  settings->host = settings->config->local_host();
  settings->proxy_hosts = daemon_.config()->text("smtp.proxy.hosts");
  settings->xclient_hosts = daemon_.config()->text("smtp.xclient.hosts");
  // Whoever mistypes them loses BURL, not the mail.
  if (auto burl = BurlSettings::from(*daemon_.config()))
    settings->burl = std::move(*burl);
  else
    log::Event("smtpd.burl.refused").with("error", burl.error().text).error();
  settings->software = limits.text(mta::Opt::RECEIVED_VERSION);
  if (settings->software.empty()) settings->software = "Waxwing Messaging Server";
  settings_.set(std::move(settings));
  return {};
}

void Server::reload() {
  if (const auto made = make_settings(); !made) {
    log::Event("smtpd.reload.refused").with("error", made.error().text).error();
    daemon_.reload_refused(made.error().text);
  }
  authenticator_->flush();
  if (const auto trouble = tls_.load(*daemon_.config()); !trouble.empty()) daemon_.reload_refused(trouble);
}

Task<void> Server::serve(std::shared_ptr<Server> server, EventLoop& loop, AcceptedConnection connection) {
  Session session(server, loop, std::move(connection));
  co_await server->sessions_.run(loop, session);
}

}  // namespace waxwing::smtpd
