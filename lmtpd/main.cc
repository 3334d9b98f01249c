// lmtpd: LMTP (RFC 2033), from another host's MTA straight into the store.
//
//   the dispatcher hands a connection over → Session::run(), one coroutine → store::deliver().
//
// Started without a dispatcher it listens on lmtp.port itself. See lmtpd(8).
#include "common/daemon/daemon.h"
#include "lmtpd/server.h"

using namespace waxwing;

namespace {

Result<> start(Daemon& daemon) {
  TRY(auto created, lmtp::Server::create(daemon));
  return created.release()->start();  // lives as long as the process
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "lmtpd", {.loops = 0, .grace_ms = 30000}, start);
}
