#include "common/daemon/mail_server.h"

#include "common/log/log.h"

namespace waxwing {

Result<> listen_on_both_ports(Sessions& sessions, const Config& config, const ServeOne& serve,
                              bool tls_port) {
  const auto addresses = config.text("local.listenaddr");
  for (const bool tls_first : {false, true}) {
    if (tls_first && !tls_port) continue;
    const auto port = config.number(sessions.service() + (tls_first ? ".sslport" : ".port"));
    TRY_VOID(sessions.listen(addresses, port, [serve, tls_first](EventLoop& loop, UniqueFd socket) {
      return serve(loop, std::move(socket), tls_first);
    }));
  }
  return {};
}

void log_no_place(const Sessions& sessions, const Stream& stream) {
  const auto& service = sessions.service();
  log::Event(service + ".refused")
      .with("peer", stream.peer_address())
      .with("reason", service + ".maxsessions")
      .warning();
}

}  // namespace waxwing
