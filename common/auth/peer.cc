#include "common/auth/peer.h"

#include <utility>

namespace waxwing::auth {

Peer peer_of(Service service, const Stream& stream, std::string address) {
  Peer peer;
  peer.service = service;
  peer.address = std::move(address);
  peer.tls = stream.is_tls();
  if (!peer.tls) return peer;
  peer.tls_subject = stream.tls_peer_subject();
  peer.tls_exporter = stream.tls_channel_binding("tls-exporter");
  peer.tls_server_end_point = stream.tls_channel_binding("tls-server-end-point");
  return peer;
}

}  // namespace waxwing::auth
