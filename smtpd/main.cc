// smtpd: SMTP (RFC 5321) and message submission (RFC 6409).
//
//   the dispatcher hands a connection over → Session::run(), one coroutine → mta::Submission → the queue.
//
// A message is answered with 250 when its queue files are durable. The program binds no port and is started
// by the dispatcher only, with the service's name and its channel. See smtpd(8).
#include "common/daemon/daemon.h"
#include "common/worker/worker.h"
#include "smtpd/server.h"

using namespace waxwing;

namespace {

Result<> start(Daemon& daemon) {
  TRY(auto socket, dispatcher_socket_from_environment());
  TRY(auto server, smtpd::Server::create(daemon, WorkerService::from_environment()));
  static auto& worker = *new WorkerSide(daemon, std::move(socket));  // lives as long as the process
  worker.on_stop([server] { server->stop(); });
  worker.serve([server](EventLoop& loop, AcceptedConnection connection) {
    return smtpd::Server::serve(server, loop, std::move(connection));
  });
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  return run_daemon(argc, argv, "smtpd", {.loops = 0, .grace_ms = 30000}, start);
}
