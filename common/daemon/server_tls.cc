#include "common/daemon/server_tls.h"

#include "common/base/time.h"
#include "common/log/log.h"

namespace waxwing {

namespace {
// The default certificate first, then those of tls.sni.*; a row of these without its key is left out.
TlsServer::Options options_of(const Config& config) {
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
  if (!config.text("tls.clientca").empty()) options.client_ca_file = config.path("tls.clientca");
  return options;
}
}  // namespace

namespace {
constexpr std::int64_t kWarnSeconds = 14 * 86400;
}  // namespace

std::string certificate_warning(const Config& config) {
  std::string text;
  auto files = config.starred("tls.sni.*.certificate");
  files[""] = config.path("tls.certificate");
  for (const auto& [name, file] : files) {
    const auto end = certificate_end(config.path_of(file));
    if (!end || *end > wall_seconds() + kWarnSeconds) continue;
    text += (text.empty() ? "" : "; ") + config.path_of(file) +
            (*end < wall_seconds() ? " ended on " : " ends on ") + iso_timestamp(*end * 1000).substr(0, 10) +
            ": put a new certificate there, then imsimta reload";
  }
  return text;
}

std::string ServerTls::load(const Config& config) {
  auto made = TlsServer::create(options_of(config));
  if (!made) {
    const bool had = context() != nullptr;
    log::Event(had ? "tls.kept" : "tls.off").with("error", made.error().text).error();
    return (had ? "the old certificate stays in use: " : "TLS is off: ") + made.error().text;
  }
  if (const auto warning = certificate_warning(config); !warning.empty())
    log::Event("tls.certificate.ends").with("why", warning).error();
  context_.set(std::make_shared<const TlsServer>(std::move(*made)));
  return {};
}

}  // namespace waxwing
