// What watcher hears and says on run/watcher (SOCK_SEQPACKET, one Record a packet, mode 0600).
//
//   from a daemon   ready name= pid=     its sockets are bound
//                   alive name= pid=     every two seconds
//                   stopping name= pid=  it goes by its own will
//                   reloaded name= pid= changed= wants_restart= trouble=
//                                        what a SIGHUP has done
//   from a tool     status               -> status
//                   start [name=]...     -> progress..., done | failed
//                   stop [name=]...      -> progress..., done
//                                        without a name: everything, then watcher ends
//                   restart name=...     -> progress..., done | failed
//                   reload [name=]...    -> progress..., done | failed
//                                        SIGHUP; watcher reads msg.conf too
//                   renew                -> done | error
//                                        watcher becomes the program that lies in its place now
//
// status watcher= version= older= journal=, then for every service service= state= pid= seconds= deaths= startup_ms=
// trouble= service_older= silent_s=. older, service_older: 1 when its program has been replaced. journal: why watcher
// could not open it, so that nothing can be started. Then restart= for=: a service
// and the options it has not taken; and for what the services have started: helper= helper_pid= helper_silent_s=.
// progress name= state= pid= ms= trouble=: a service has come into that state. After a stop also for what it had
// started: finishing, killed, stopped. For reload the state is
// reloaded (changed=, wants_restart= name options), refused (trouble= why) or silent. failed name=... : these
// could not be made ready; waiting=...: these wait for one of them. error text= : the question made no sense.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/net/loop.h"
#include "common/net/seqpacket.h"
#include "watcher/journal_gate.h"
#include "watcher/supervisor.h"

namespace waxwing {

class Control {
 public:
  Control(EventLoop& loop, Supervisor& supervisor, JournalGate& gate)
      : loop_(loop), supervisor_(supervisor), gate_(gate) {}
  // lock: of run/watcher.pid; it and the listener are handed on when watcher becomes a new program.
  void serve(UniqueFd listener, int lock, std::vector<std::string> arguments);
  // Reads msg.conf anew; the old one stays when the new one is wrong. Answers what is wrong with it.
  std::string reload();
  // Before anything is started: opens the journal, unless it is open. Stops, when all is to be started, the programs
  // that keep it from being opened; else they are the error. tell: each stop of theirs, or nothing.
  using Tell = std::function<void(const Record&)>;
  Task<Result<>> make_way(bool everything, Tell tell);

 private:
  Task<void> converse(PacketSocket socket);
  Task<void> answer(PacketSocket& socket, const Record& question);
  Task<void> start(PacketSocket& socket, std::vector<Service*> services, bool again);
  Task<void> stop(PacketSocket& socket, std::vector<Service*> services, bool everything);
  Task<void> end(std::vector<Service*> services, Tell tell);
  Task<void> renew(PacketSocket& socket);
  Task<void> reload_services(PacketSocket& socket, std::vector<Service*> services);
  Record status() const;

  EventLoop& loop_;
  Supervisor& supervisor_;
  JournalGate& gate_;
  int listener_ = -1, lock_ = -1;
  std::vector<std::string> arguments_;  // those of this process, for the next program
};

}  // namespace waxwing
