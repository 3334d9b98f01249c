#include "imapd/server.h"

#include "common/log/log.h"
#include "common/net/listener.h"
#include "imapd/session.h"

namespace waxwing::imap {

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
  auto fresh = Settings::from(*daemon_.config());
  tls_.load(*daemon_.config());
  logins_->flush();
  logins_->directory().flush();
  const std::lock_guard lock(mutex_);
  settings_ = std::move(fresh);
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

void Server::serve(UniqueFd socket, bool tls_from_start) {
  auto& loop = daemon_.next_loop();
  const int fd = socket.release();
  loop.post([this, &loop, fd, tls_from_start] { spawn(run_session(*this, loop, fd, tls_from_start)); });
}

Task<void> Server::run_session(Server& server, EventLoop& loop, int fd, bool tls_from_start) {
  Stream stream(loop, UniqueFd(fd));
  const auto guard = server.daemon_.session();
  if (server.session_count_.fetch_add(1) >= server.settings()->max_sessions) {
    log::Event("imap.refused")
        .with("peer", stream.peer_address())
        .with("reason", "imap.maxsessions")
        .warning();
    if (!tls_from_start) stream.write("* BYE [UNAVAILABLE] Too many sessions, please try again later\r\n");
    co_await stream.flush();
    server.session_count_.fetch_sub(1);
  } else {
    Session session(server, std::move(stream), tls_from_start);
    server.sessions_of(loop).insert(&session);
    if (server.daemon_.stopping()) session.stop();
    try {
      co_await session.run();
    } catch (const std::exception& error) {
      log::Event("imap.session.exception").with("sid", session.id()).with("what", error.what()).error();
    }
    server.sessions_of(loop).erase(&session);
    // Its place is free before the client can see that it has gone.
    server.session_count_.fetch_sub(1);
    session.close();
  }
}

void Server::stop_sessions() {
  for (auto& [loop, sessions] : sessions_)
    loop->post([&sessions] {
      for (auto* session : sessions) session->stop();
    });
}

}  // namespace waxwing::imap
