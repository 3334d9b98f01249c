// imapd: the IMAP server (RFC 9051, RFC 3501).
//
// imapd [--instance DIR]
//
// Listens on imap.port and imap.sslport, authenticates against the directory and serves mailboxes of the
// message store. One coroutine a session (session.cc); commands are in command_table.cc. See imapd(8).
#include "common/base/strings.h"
#include "common/daemon/daemon.h"
#include "common/net/listener.h"
#include "imapd/server.h"

using namespace waxwing;

namespace {

struct Imapd {
  std::unique_ptr<imap::Server> server;
  std::vector<std::unique_ptr<Listener>> listeners;

  Result<> listen(Daemon& daemon, const std::string& address, int port, bool tls) {
    TRY(auto socket, listen_tcp(address, port, 1024));
    auto handler = [server = server.get(), tls](UniqueFd fd) { server->serve(std::move(fd), tls); };
    listeners.push_back(std::make_unique<Listener>(daemon.loop(), std::move(socket), handler));
    return {};
  }

  Result<> start(Daemon& daemon) {
    TRY(server, imap::Server::create(daemon));
    const auto config = daemon.config();
    const auto addresses = config->text("local.listenaddr");
    for (const auto address : split(addresses, ',')) {
      const std::string where(trim(address));
      if (where.empty()) continue;
      if (const auto port = config->number("imap.port"))
        TRY_VOID(listen(daemon, where, static_cast<int>(port), false));
      const auto tls_port = config->number("imap.sslport");
      if (config->flag("imap.enablesslport") && tls_port > 0 && server->tls())
        TRY_VOID(listen(daemon, where, static_cast<int>(tls_port), true));
    }
    daemon.on_reload([this] { server->reload(); });
    daemon.on_stop([this] {
      for (auto& listener : listeners) listener->stop();
      server->stop_sessions();
    });
    return {};
  }
};

}  // namespace

int main(int argc, char** argv) {
  Imapd imapd;
  return run_daemon(argc, argv, "imapd", {}, [&](Daemon& daemon) { return imapd.start(daemon); });
}
