// Connections of stored and what each of them watches: the way of an event from a writer to the others.
// Main loop's thread only.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>

#include "common/net/seqpacket.h"
#include "store/events.h"

namespace waxwing::store {

class EventHub {
 public:
  struct Client {
    explicit Client(PacketSocket packet_socket) : socket(std::move(packet_socket)) {}
    PacketSocket socket;
    std::set<std::string> watches;  // "mailbox=..." or "user=..."
  };

  void join(const std::shared_ptr<Client>& client) { clients_.insert(client); }
  void close_all();
  void leave(const std::shared_ptr<Client>& client);
  void watch(const std::shared_ptr<Client>& client, const std::string& what);
  void unwatch(const std::shared_ptr<Client>& client, const std::string& what);
  // To all who watch the mailbox or its user, but not to `origin`; changes of the list go to everybody else.
  void pass_on(const Event& event, const Client* origin);

 private:
  std::set<std::shared_ptr<Client>> clients_;
  std::unordered_map<std::string, std::set<std::shared_ptr<Client>>> watchers_;
};

}  // namespace waxwing::store
