#include "smtpd/burl_settings.h"

#include <arpa/inet.h>

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::smtpd {

namespace {

constexpr int kImapPort = 143;

bool is_address(const std::string& text) {
  unsigned char bytes[sizeof(in6_addr)];
  return inet_pton(AF_INET, text.c_str(), bytes) == 1 || inet_pton(AF_INET6, text.c_str(), bytes) == 1;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 255 && std::ranges::all_of(text, [](char c) {
    return is_alnum(c) || c == '-' || c == '.' || c == '_' || c == ':';
  });
}

// "192.0.2.7", "192.0.2.7:1143", "[2001:db8::1]:143"
Result<> place(std::string_view text, BurlHost& host) {
  const auto wrong = permanent("smtp.burl.hosts: " + printable(text, 80) + " is no address with a port");
  const auto bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == text.npos) return wrong;
  const auto colon = text.find(':', bracket);
  host.address = std::string(bracket > 0 ? text.substr(1, bracket - 1) : text.substr(0, colon));
  if (!is_address(host.address)) return wrong;
  if (bracket > 0 && colon != bracket + 1 && text.size() != bracket + 1) return wrong;
  if (colon == text.npos) return {};
  const auto port = to_number<std::uint16_t>(text.substr(colon + 1));
  if (!port || *port == 0) return wrong;
  host.port = *port;
  return {};
}

}  // namespace

Result<std::vector<BurlHost>> parse_burl_hosts(std::string_view list) {
  std::vector<BurlHost> hosts;
  const auto words = replace_all(std::string(list), ",", " ");
  for (auto item : split_words(words)) {
    BurlHost host;
    host.name = to_lower(take_until(item, '='));
    if (!is_name(host.name))
      return permanent("smtp.burl.hosts: " + printable(host.name, 80) + " is no host name");
    if (!item.empty()) {
      TRY_VOID(place(item, host));
    }
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Result<std::shared_ptr<const BurlSettings>> BurlSettings::from(const Config& config) {
  auto settings = std::make_shared<BurlSettings>();
  TRY(settings->hosts, parse_burl_hosts(config.text("smtp.burl.hosts")));
  if (settings->hosts.empty()) return nullptr;
  settings->user = config.text("smtp.burl.user");
  settings->password = config.text("smtp.burl.password");
  if (settings->user.empty() || settings->password.empty())
    return permanent("smtp.burl.hosts needs smtp.burl.user and smtp.burl.password");
  TRY(settings->tls,
      TlsClient::create({.verify = true, .ca_file = config.text("smtp.burl.ca_file"), .identity = {}}));
  settings->timeout_ms = config.number("smtp.burl.timeout") * 1000;
  return settings;
}

const BurlHost* BurlSettings::host(std::string_view name, int port) const {
  const auto at = std::ranges::find_if(hosts, [&](const BurlHost& host) {
    return iequals(host.name, name) && (port == host.port || port == kImapPort);
  });
  return at == hosts.end() ? nullptr : &*at;
}

}  // namespace waxwing::smtpd
