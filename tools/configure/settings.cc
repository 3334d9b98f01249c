#include "tools/configure/settings.h"

#include <arpa/inet.h>

#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::configure {

namespace {

bool is_domain_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    for (char c : label)
      if (!is_alnum(c) && c != '-') return false;
  }
  return true;
}

}  // namespace

std::string wrong_with_host(const std::string& name) {
  if (!is_domain_name(name)) return "'" + name + "' is no host name";
  if (name.find('.') == std::string::npos)
    return "'" + name + "' is not fully qualified: name.domain is wanted";
  return {};
}

std::string wrong_with_domain(const std::string& name) {
  return is_domain_name(name) ? std::string() : "'" + name + "' is no domain name";
}

std::string wrong_with_postmaster(const std::string& address) {
  const auto at = address.rfind('@');
  if (at == std::string::npos || at == 0 || !is_domain_name(std::string_view(address).substr(at + 1)))
    return "'" + address + "' is no mail address: user@domain is wanted";
  // The alias postmaster leads here: one that is called so itself would lead back to itself.
  if (istarts_with(address, "postmaster")) return "the address must not begin with \"Postmaster\"";
  return {};
}

bool read_network(std::string& network) {
  std::string_view text = trim(network);
  if (text.starts_with("$(") && text.ends_with(")")) text = text.substr(2, text.size() - 3);
  const auto slash = text.find('/');
  const std::string address(text.substr(0, slash));
  unsigned char bytes[16];
  const bool v4 = ::inet_pton(AF_INET, address.c_str(), bytes) == 1;
  const bool v6 = !v4 && ::inet_pton(AF_INET6, address.c_str(), bytes) == 1;
  if (!v4 && !v6) return false;
  const unsigned most = v4 ? 32 : 128;
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const auto given = to_number<unsigned>(text.substr(slash + 1));
    if (!given || *given > most) return false;
    bits = *given;
  }
  network = address + "/" + std::to_string(bits);
  return true;
}

std::string wrong_with_password(const std::string& password) {
  return password.size() < 4 ? "the administrator's password must have 4 characters at least" : "";
}

Result<> check(Settings& settings) {
  const std::pair<const char*, std::string> answers[] = {
      {"Fqdn.TextField", wrong_with_host(settings.host_name)},
      {"EmailDomain.TextField", wrong_with_domain(settings.domain)},
      {"Postmaster.TextField", wrong_with_postmaster(settings.postmaster)},
      {"admin.password", wrong_with_password(settings.admin_password)},
  };
  for (const auto& [key, wrong] : answers)
    if (!wrong.empty()) return permanent(std::string(key) + ": " + wrong);
  for (std::string& network : settings.relay_networks)
    if (!read_network(network))
      return permanent("InternalIPList: '" + network + "' is no IP address or network such as 192.0.2.0/24");
  if (settings.ldap_url.empty() && !settings.organization_dn.empty())
    return permanent("OrgName.TextField is for a directory of the site's own, and UGDIR_URL names none");
  return {};
}

std::string Settings::complete_ldap_url(const std::string& host_or_url) const {
  const auto scheme_end = host_or_url.find("://");
  std::string scheme = scheme_end == std::string::npos ? "ldap" : to_lower(host_or_url.substr(0, scheme_end));
  std::string host = scheme_end == std::string::npos ? host_or_url : host_or_url.substr(scheme_end + 3);
  if (scheme == "ldapi") return host_or_url;
  if (ldap_ssl) scheme = "ldaps";
  while (!host.empty() && host.back() == '/') host.pop_back();
  const auto bracket = host.rfind(']');  // of an IPv6 address
  const auto colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (ldap_port != 0) {
    if (colon != std::string::npos) host.resize(colon);
    host += ":" + std::to_string(ldap_port);
  }
  return scheme + "://" + host;
}

Settings installation_settings() {
  Settings settings;
  settings.data_path = "/var/opt/waxwing";
  settings.user = "mailsrv";
  settings.group = "mail";
  return settings;
}

Settings sandbox_settings(const std::string& directory, int port_base, const std::string& domain) {
  Settings settings;
  settings.sandbox = true;
  settings.data_path = directory;
  settings.host_name = "mail." + domain;
  settings.domain = domain;
  settings.postmaster = "admin@" + domain;
  settings.admin_password = to_hex(random_bytes(8));
  settings.listen_address = "127.0.0.1";
  settings.relay_networks = {"127.0.0.1/32"};
  Ports& p = settings.ports;
  int next = port_base;
  for (int* port :
       {&p.smtp, &p.submit, &p.submits, &p.lmtp, &p.imap, &p.imaps, &p.pop, &p.pops, &p.http, &p.dns})
    *port = next++;
  return settings;
}

}  // namespace waxwing::configure
