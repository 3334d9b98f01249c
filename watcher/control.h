// What watcher hears and says on run/watcher (SOCK_SEQPACKET, one Record a packet, mode 0600).
//
//   from a daemon   ready name= pid=     its sockets are bound
//                   alive name= pid=     every two seconds
//                   stopping name= pid=  it goes by its own will
//   from a tool     status               -> status pid= (service= state= pid= seconds= deaths= startup_ms=
//   trouble=)...
//                   start [name=]...     -> progress..., done | failed
//                   stop [name=]...      -> progress..., done      without a name: everything, then watcher
//                   ends restart name=...     -> progress..., done | failed reload [name=]...    -> done
//                   SIGHUP; watcher reads msg.conf too
//
// progress name= state= pid= ms= trouble=: a service has come into that state.
// failed name=... : these could not be made ready; waiting=...: these wait for one of them.
// error text= : the question made no sense.
#pragma once

#include <memory>
#include <string>

#include "common/net/loop.h"
#include "common/net/seqpacket.h"
#include "watcher/supervisor.h"

namespace waxwing {

class Control {
 public:
  Control(EventLoop& loop, Supervisor& supervisor) : loop_(loop), supervisor_(supervisor) {}
  void serve(UniqueFd listener);
  // Reads msg.conf anew; the old one stays when the new one is wrong. Answers what is wrong with it.
  std::string reload();

 private:
  Task<void> converse(PacketSocket socket);
  Task<void> answer(PacketSocket& socket, const Record& question);
  Task<void> start(PacketSocket& socket, std::vector<Service*> services, bool again);
  Task<void> stop(PacketSocket& socket, std::vector<Service*> services, bool everything);
  Record status() const;

  EventLoop& loop_;
  Supervisor& supervisor_;
};

}  // namespace waxwing
