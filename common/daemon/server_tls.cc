#include "common/daemon/server_tls.h"

#include "common/log/log.h"

namespace waxwing {

TlsServer::Options server_tls_options(const Config& config) {
  TlsServer::Options options;
  options.certificates.push_back({config.path("tls.certificate"), config.path("tls.key")});
  const auto keys = config.starred("tls.sni.*.key");
  for (const auto& [name, file] : config.starred("tls.sni.*.certificate")) {
    if (const auto key = keys.find(name); key != keys.end())
      options.certificates.push_back({config.path_of(file), config.path_of(key->second)});
    else
      log::Event("tls.sni.nokey").with("option", "tls.sni." + name + ".key").warning();
  }
  options.minimum_protocol = config.text("tls.minimumprotocol");
  options.cipher_list = config.text("tls.cipherlist");
  if (config.is_set("tls.clientca")) options.client_ca_file = config.path("tls.clientca");
  return options;
}

}  // namespace waxwing
