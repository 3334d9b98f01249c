// From where BURL takes messages: the smtp.burl options of msg.conf. No other host is ever connected to, whatever
// stands in a URL.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/config/config.h"
#include "common/net/tls.h"

namespace waxwing::smtpd {

struct BurlHost {
  std::string name;     // as it stands in URLs, lower case
  std::string address;  // numeric; empty: DNS knows
  int port = 143;       // 993: TLS from the first byte
};

struct BurlSettings {
  std::vector<BurlHost> hosts;
  std::string user, password;  // of imap.submituser there
  TlsClient tls;               // verifies
  std::int64_t timeout_ms = 60'000;

  const BurlHost* host(std::string_view name, int port) const;

  // Null: no hosts, BURL is not offered. Permanent error: what is wrong in which option.
  static Result<std::shared_ptr<const BurlSettings>> from(const Config& config);
};

// "imap.example.com, store2=192.0.2.7, localhost=127.0.0.1:1143, v6=[2001:db8::1]:143"
Result<std::vector<BurlHost>> parse_burl_hosts(std::string_view list);

}  // namespace waxwing::smtpd
