// metermaid: counters that all processes of the MTA share: throttles, greylists, and what a sender usually sends.
//
//   smtpd, dispatcher (mappings' check_metermaid, senders) → run/metermaid → a table in memory → the answer
//   once a minute and at the end → metermaid/tables, which the next start reads
//
// When it is gone, nobody is limited and mail goes on. See metermaid(8).
#include "common/daemon/daemon.h"
#include "metermaid/server.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  static std::unique_ptr<metermaid::Server> server;  // as long as the process
  return run_daemon(argc, argv, "metermaid", {.loops = 1, .only_one = true}, [](Daemon& daemon) -> Result<> {
    TRY(server, metermaid::Server::start(daemon));
    return {};
  });
}
