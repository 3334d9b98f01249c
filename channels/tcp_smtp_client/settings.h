// What one channel's keywords, its option file and msg.conf say to the SMTP client.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"
#include "common/net/tls.h"
#include "mta/config/mta_config.h"
#include "mta/transport/route.h"
#include "mta/transport/tcp_options.h"

namespace waxwing::channels::smtp {

enum class TlsPolicy { never, may, must };
// 8-bit text: to whoever it may be, where 8BITMIME is offered, never (eightbit, eightnegotiate, sevenbit).
enum class EightBit { as_it_is, negotiate, never };

struct ClientSettings {
  std::string channel;
  std::shared_ptr<const mta::MtaConfig> mta;  // for mail.log_current; null in unit tests
  mta::TcpOptions options;
  mta::RouteOptions route;
  std::string fixed_host;                    // daemon keyword: everything goes there
  std::vector<std::string> local_addresses;  // interfaceaddress: one of each family at most
  std::string helo;                          // how we name ourselves
  TlsPolicy tls = TlsPolicy::never;
  EightBit eight_bit = EightBit::negotiate;
  bool lmtp = false;
  bool ehlo = true, only_if_esmtp = false;  // noehlo, checkehlo
  bool chunking = true;
  bool remove_routes = false;  // dequeue_removeroute
  bool loop_check = true;
  // Logins by host: that of the destination, of its MX, or of a domain above them. "" is for all others.
  struct Login {
    std::string user, password;
  };
  std::map<std::string, Login> logins;
  std::string external_identity;  // externalidentity, for AUTH EXTERNAL
  TlsCertificate certificate;     // smtp.client.certificate
  std::string ca_file;            // smtp.client.ca_file
  bool may_auth = false;
  bool pass_auth = false;  // saslpassauth
  bool must_auth = false;
  int streaming = -1;                                         // 0-3; -1: what the peer offers
  std::string etrn_host;                                      // sendetrn
  enum class Verify { no, local, full } verify = Verify::no;  // localvrfy, domainvrfy
  std::vector<std::string> name_servers;                      // none: the system's
  bool remember_failures = true, keep_connections = true;     // cacheeverything and its kin
  bool dsn = true;                                            // nonotary: no NOTIFY, RET, ENVID, ORCPT
  bool debug = false;                                         // master_debug
  bool must_prioritize = false;                               // mtprioritiesrequired
  bool utf8_header = false;  // UTF-8 in a header needs no SMTPUTF8 at this peer
};

// Where a connection to this address begins: "" anywhere, nothing when the channel has no address of that family.
std::optional<std::string> local_address_for(const ClientSettings& settings, std::string_view address);

// The login for a host of a destination; null when there is none.
const ClientSettings::Login* login_for(const ClientSettings& settings, std::string_view destination,
                                       std::string_view host);

Result<ClientSettings> client_settings(const Config& config, const mta::MtaConfig& mta_config,
                                       const std::string& channel);

}  // namespace waxwing::channels::smtp
