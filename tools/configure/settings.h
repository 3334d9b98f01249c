// What configure has to know before it makes an instance: from questions, a state file or --sandbox.
#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"

namespace waxwing::configure {

struct Ports {
  int smtp = 25, submit = 587, submits = 465, lmtp = 225, imap = 143, imaps = 993, pop = 110, pops = 995,
      http = 8990, dns = 0;  // dns: where a sandbox looks for a name server; 0: the system's
};

struct Settings {
  bool sandbox = false;
  std::string data_path;  // the instance's folder
  std::string user;       // runs the services; empty: whoever starts them
  std::string group;      // of the user when it must be made
  std::string host_name;  // full
  std::string domain;     // default mail domain
  std::string ldap_url;   // empty: a private server on a Unix socket
  std::string bind_dn, bind_password;
  std::string suffix = "o=isp";
  int ldap_port = 0;            // --ldapport: of a host that is given without one
  bool ldap_ssl = false;        // --ssl: the directory is spoken to over TLS from the first byte
  bool ldif_only = false;       // --ldif: the entries go into a file, for somebody who may add them
  bool no_directory = false;    // --noldap: nothing is asked of the directory and nothing written for it
  bool debug = false;           // --debug: commands that are run, and what they say
  std::string organization_dn;  // of the domain; empty: o=<domain>,<suffix>
  std::string postmaster;       // full address
  std::string admin_password;
  std::vector<std::string> relay_networks;  // may relay without authentication: "192.0.2.0/24"
  std::string listen_address = "*";         // all, IPv4 and IPv6
  Ports ports;

  // "ldap.example.com" or a URL, with what ldap_port and ldap_ssl say.
  std::string complete_ldap_url(const std::string& host_or_url) const;
  std::string domain_dn() const {
    return organization_dn.empty() ? "o=" + domain + "," + suffix : organization_dn;
  }
};

// What is wrong with a value, in words for the one who typed it; empty when nothing is.
std::string wrong_with_host(const std::string& name);
std::string wrong_with_domain(const std::string& name);
std::string wrong_with_postmaster(const std::string& address);
std::string wrong_with_password(const std::string& password);
// Also turns "$(192.0.2.0/24)" and a lone address into "192.0.2.0/24". False when it is neither.
bool read_network(std::string& network);
// The answers as they are in a state file; the error names the key.
Result<> check(Settings& settings);

// What an installation has that is told nothing else: folder, user and group.
Settings installation_settings();
// DIR, ports from base on, everything on loopback. smtp = base, then the others in the order of Ports.
Settings sandbox_settings(const std::string& directory, int port_base, const std::string& domain);

}  // namespace waxwing::configure
