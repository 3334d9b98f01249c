#include "imapd/server.h"

#include "common/daemon/mail_server.h"
#include "imapd/session.h"

namespace waxwing::imap {

namespace {
constexpr const char* kNoPlace = "* BYE [UNAVAILABLE] Too many sessions, please try again later\r\n";
}

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
  return listen_on_both_ports(
      sessions_, *daemon_.config(),
      [this](EventLoop& loop, UniqueFd socket, bool tls_first) {
        return serve_session<Session>(*this, sessions_, loop, std::move(socket), tls_first, kNoPlace);
      },
      daemon_.config()->flag("imap.enablesslport"));
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
      " STATUS=SIZE BINARY OBJECTID SORT SORT=DISPLAY ESORT THREAD=REFERENCES THREAD=ORDEREDSUBJECT"
      " URLAUTH";
  if (const auto limit = settings()->max_message_bytes) list += " APPENDLIMIT=" + std::to_string(limit);
  return list;
}

}  // namespace waxwing::imap
