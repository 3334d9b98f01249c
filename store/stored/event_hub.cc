#include "store/stored/event_hub.h"

#include "common/log/log.h"
#include "store/list/protocol.h"

namespace waxwing::store {

namespace {
// Who has stopped reading gets no more: when it comes back it asks anew for all it knew.
constexpr std::size_t kMostWaitingBytes = 64 << 20;
}  // namespace

void EventHub::close_all() {
  for (const auto& client : clients_) client->socket.close();
}

void EventHub::leave(const std::shared_ptr<Client>& client) {
  for (const auto& what : std::set<std::string>(client->watches)) unwatch(client, what);
  clients_.erase(client);
}

void EventHub::watch(const std::shared_ptr<Client>& client, const std::string& what) {
  client->watches.insert(what);
  watchers_[what].insert(client);
}

void EventHub::unwatch(const std::shared_ptr<Client>& client, const std::string& what) {
  client->watches.erase(what);
  const auto at = watchers_.find(what);
  if (at == watchers_.end()) return;
  at->second.erase(client);
  if (at->second.empty()) watchers_.erase(at);
}

void EventHub::pass_on(const Event& event, const Client* origin) {
  const bool of_list = event.kind == EventKind::mailbox_created || event.kind == EventKind::mailbox_deleted ||
                       event.kind == EventKind::mailbox_renamed;
  std::set<std::shared_ptr<Client>> to;
  if (of_list) {
    to = clients_;
  } else {
    for (const auto& what : {"mailbox=" + event.mailbox_id, "user=" + event.user})
      if (const auto at = watchers_.find(what); at != watchers_.end())
        to.insert(at->second.begin(), at->second.end());
  }
  const auto record = encode_event(event);
  for (const auto& client : to) {
    if (client.get() == origin || client->socket.broken()) continue;
    (void)client->socket.send(record);  // a broken one ends by itself
    if (client->socket.waiting_bytes() < kMostWaitingBytes) continue;
    log::Event("stored.client.deaf")
        .with("waiting", static_cast<std::int64_t>(client->socket.waiting_bytes()))
        .warning();
    client->socket.close();
  }
}

}  // namespace waxwing::store
