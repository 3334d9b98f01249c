// popd: POP3 (RFC 1939), with CAPA and response codes (RFC 2449), STLS (RFC 2595), SASL (RFC 5034).
//
//   a connection on pop.port or pop.sslport → Session::run(), one coroutine → the user's INBOX in the store.
//
// See popd(8).
#include "common/daemon/daemon.h"
#include "popd/server.h"
#include "popd/session.h"

using namespace waxwing;

namespace {

Result<> start(Daemon& daemon) {
  TRY(auto created, pop::Server::create(daemon));
  auto& server = *created.release();  // lives as long as the process
  TRY_VOID(server.listen());
  daemon.on_reload([&server] { server.reload(); });
  daemon.on_stop([&server] { server.stop(); });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "popd", {}, start);
}
