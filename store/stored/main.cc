// stored: the mailbox list, subscriptions and store events: the only process that opens Berkeley DB.
//
//   run/stored → a connection per process → questions about the list, each on a worker thread
//                                         → events of writers, passed on at once to who watches
//   timers: checkpoint of the list; purge of what was expunged long enough ago
//
// Killed at any point, it recovers the list at its next start and goes on; the others wait, ask again what
// had no answer, and look at their mailboxes once more. See stored(8).
#include <memory>

#include "common/daemon/daemon.h"
#include "store/stored/server.h"

using namespace waxwing;

int main(int argc, char** argv) {
  std::unique_ptr<store::Server> server;
  return run_daemon(argc, argv, "stored", {.loops = 1, .only_one = true}, [&](Daemon& daemon) -> Result<> {
    TRY(server, store::Server::start(daemon.loop(), daemon.workers(), daemon.config()));
    daemon.on_stop([&] { server.reset(); });
    return {};
  });
}
