#include "imapd/server.h"

#include "common/log/log.h"
#include "imapd/session.h"

namespace waxwing::imap {

Result<std::unique_ptr<Server>> Server::create(Daemon& daemon) {
  std::unique_ptr<Server> server(new Server(daemon));
  const auto config = daemon.config();
  server->settings_.set(Settings::from(*config));
  server->tls_.load(*config);
  TRY(server->store_, store::Store::open(config));
  server->writers_ = std::make_unique<WorkerPool>(static_cast<unsigned>(config->number("imap.writers")));
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
    if (tls_first && !config->flag("imap.enablesslport")) continue;
    const auto port = config->number(tls_first ? "imap.sslport" : "imap.port");
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
  log::Event("imap.refused").with("peer", stream.peer_address()).with("reason", "imap.maxsessions").warning();
  if (!tls_first) stream.write("* BYE [UNAVAILABLE] Too many sessions, please try again later\r\n");
  co_await stream.flush();
}

std::string Server::capabilities(const Session& session) const {
  std::string list = "IMAP4rev1 IMAP4rev2 LITERAL+ ID ENABLE";
  if (session.phase() == Phase::connected) {
    list += " SASL-IR";
    if (!session.is_tls() && tls()) list += " STARTTLS";
    const auto peer = session.peer();
    if (!logins_->plain_text_allowed(peer)) list += " LOGINDISABLED";
    for (const auto& mechanism : logins_->mechanisms(peer)) list += " AUTH=" + mechanism;
    return list;
  }
  list +=
      " IDLE NAMESPACE UNSELECT UIDPLUS MOVE CHILDREN LIST-EXTENDED LIST-STATUS SPECIAL-USE"
      " CREATE-SPECIAL-USE ESEARCH SEARCHRES WITHIN CONDSTORE QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE"
      " STATUS=SIZE BINARY OBJECTID SORT SORT=DISPLAY ESORT THREAD=REFERENCES THREAD=ORDEREDSUBJECT";
  if (const auto limit = settings()->max_message_bytes) list += " APPENDLIMIT=" + std::to_string(limit);
  return list;
}

}  // namespace waxwing::imap
