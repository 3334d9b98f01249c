// imapd: the IMAP server (RFC 9051, RFC 3501).
//
// imapd [--instance DIR]
//
// Listens on imap.port and imap.sslport, authenticates against the directory and serves mailboxes of the
// message store. One coroutine a session (session.cc); commands are in command_table.cc. See imapd(8).
#include "common/daemon/daemon.h"
#include "imapd/server.h"

using namespace waxwing;

namespace {

Result<> start(Daemon& daemon) {
  TRY(auto created, imap::Server::create(daemon));
  auto& server = *created.release();  // lives as long as the process
  TRY_VOID(server.listen());
  daemon.on_reload([&server] { server.reload(); });
  daemon.on_stop([&server] { server.stop(); });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "imapd", {}, start);
}
