// What servers share that listen on their own ports, in clear and with TLS first, and have a limit of sessions: imapd
// and popd.
//
//   int main(int argc, char** argv) { return run_mail_server<pop::Server>(argc, argv, "popd"); }
//
// Server: create(daemon), listen(), reload(), stop(), tls(), settings()->max_sessions.
#pragma once

#include <functional>
#include <string_view>
#include <utility>

#include "common/config/config.h"
#include "common/daemon/sessions.h"
#include "common/net/stream.h"

namespace waxwing {

// The ports of the options <service>.port and <service>.sslport at local.listenaddr; without tls_port only the first.
// Main loop thread.
using ServeOne = std::function<Task<void>(EventLoop&, UniqueFd, bool tls_first)>;
Result<> listen_on_both_ports(Sessions& sessions, const Config& config, const ServeOne& serve, bool tls_port);

// <service>.refused in the log: the limit <service>.maxsessions is reached.
void log_no_place(const Sessions& sessions, const Stream& stream);

// One connection. refusal, which outlives it: the line for who comes when all places are taken; not said where TLS should come first.
template <class Session, class Server>
Task<void> serve_session(Server& server, Sessions& sessions, EventLoop& loop, UniqueFd socket, bool tls_first,
                         std::string_view refusal) {
  Stream stream(loop, std::move(socket));
  if (tls_first && !server.tls()) co_return;  // until a reload finds a certificate
  auto place = sessions.place(server.settings()->max_sessions);
  if (place) {
    Session session(server, std::move(stream), tls_first);
    co_await sessions.run(loop, session, std::move(place));
    co_return;
  }
  log_no_place(sessions, stream);
  if (!tls_first) stream.write(refusal);
  auto flushed = co_await stream.flush();
  static_cast<void>(flushed);
}

template <class Server>
int run_mail_server(int argc, char** argv, const char* name) {
  return run_daemon(argc, argv, name, {}, [](Daemon& daemon) -> Result<> {
    TRY(auto created, Server::create(daemon));
    auto& server = *created.release();  // lives as long as the process
    TRY_VOID(server.listen());
    daemon.on_reload([&server] { server.reload(); });
    daemon.on_stop([&server] { server.stop(); });
    return {};
  });
}

}  // namespace waxwing
