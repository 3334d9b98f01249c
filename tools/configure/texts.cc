// The texts configure writes: options, filled templates, DIR/env and DIR/bench.env.
#include <arpa/inet.h>
#include <fmt/core.h>
#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>

#include "common/base/strings.h"
#include "tools/configure/instance.h"

namespace waxwing::configure {

std::string msg_conf_text(const Settings& s) {
  const Ports& p = s.ports;
  std::string text =
      "# Options of this instance: name = value. See msg.conf(5); msconfig(1) shows, checks and changes "
      "them.\n";
  const auto put = [&](std::string_view name, const auto& value) {
    text += fmt::format("{} = {}\n", name, value);
  };
  put("local.hostname", s.host_name);
  put("local.defaultdomain", s.domain);
  put("local.postmaster", s.postmaster);
  put("local.listenaddr", s.listen_address);
  if (!s.user.empty()) put("local.serveruid", s.user);
  put("smtp.port", p.smtp);
  put("submit.port", p.submit);
  put("submit.sslport", p.submits);
  put("lmtp.port", p.lmtp);
  put("lmtp.interface", "127.0.0.1");
  put("imap.port", p.imap);
  put("imap.sslport", p.imaps);
  put("pop.port", p.pop);
  put("pop.sslport", p.pops);
  if (p.dns != 0) put("dns.server", fmt::format("127.0.0.1@{}", p.dns));
  put("auth.admins", "admin");
  return text;
}

namespace {
// Loopback, and in an installation the addresses that others know this host by: so a program here may relay
// whichever name of the host it connects to.
std::vector<std::string> own_networks(const Settings& s) {
  std::vector<std::string> networks = {"127.0.0.1/32", "::1/128"};
  ifaddrs* all = nullptr;
  if (s.sandbox || ::getifaddrs(&all) != 0) return networks;
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const int family = one->ifa_addr->sa_family;
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
    char text[INET6_ADDRSTRLEN] = "";
    if (family == AF_INET) ::inet_ntop(family, &v4->sin_addr, text, sizeof text);
    if (family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr))
      ::inet_ntop(family, &v6->sin6_addr, text, sizeof text);
    if (*text != '\0') networks.push_back(text + std::string(family == AF_INET ? "/32" : "/128"));
  }
  ::freeifaddrs(all);
  return networks;
}
}  // namespace

std::string fill_template(std::string text, const Settings& s) {
  std::vector<std::string> networks = own_networks(s);
  for (const std::string& network : s.relay_networks)
    if (std::ranges::find(networks, network) == networks.end()) networks.push_back(network);
  std::string rows;
  for (const std::string& network : networks) {
    const bool v6 = network.find(':') != std::string::npos;
    rows +=
        fmt::format("{}  {}{}{}   $Y", rows.empty() ? "" : "\n", v6 ? "${" : "$(", network, v6 ? "}" : ")");
  }
  text = replace_all(std::move(text), "@INTERNAL_IP@", rows);
  return replace_all(std::move(text), "@POSTMASTER@", s.postmaster);
}

std::string quoted(const std::string& value) {
  return "'" + replace_all(value, "'", "'\\''") + "'";
}

std::string env_text(const Settings& s, const std::string& ldap_url) {
  const Ports& p = s.ports;
  std::string text = "# Where this instance is. To read it: . " + quoted(s.data_path + "/env") + "\n";
  const auto put = [&](const char* name, const auto& value) {
    text += fmt::format("{}={}; export {}\n", name, quoted(fmt::format("{}", value)), name);
  };
  put("WAXWING_ROOT", s.data_path);
  put("HOST", "127.0.0.1");
  put("SMTP_PORT", p.smtp);
  put("SUBMIT_PORT", p.submit);
  put("SUBMITS_PORT", p.submits);
  put("LMTP_PORT", p.lmtp);
  put("IMAP_PORT", p.imap);
  put("IMAPS_PORT", p.imaps);
  put("POP_PORT", p.pop);
  put("POPS_PORT", p.pops);
  put("HTTP_PORT", p.http);
  put("DNS_PORT", p.dns);
  put("LDAP_URL", ldap_url);
  put("DOMAIN", s.domain);
  put("CA_FILE", s.data_path + "/tls/server.pem");
  put("ADMIN_USER", "admin");
  put("ADMIN_PASSWORD", s.admin_password);
  text += fmt::format("PATH={}:\"$PATH\"; export PATH\n", quoted(s.data_path + "/bin"));
  // What follows the colon, be it nothing, is where man looks next.
  text += fmt::format("MANPATH={}:\"${{MANPATH-}}\"; export MANPATH\n", quoted(s.data_path + "/man"));
  return text;
}

std::string bench_env_text(const Settings& s) {
  const Ports& p = s.ports;
  std::string text;
  const auto put = [&](const char* name, const auto& value) {
    text += fmt::format("{}={}\n", name, quoted(fmt::format("{}", value)));
  };
  put("LABEL", "waxwing");
  put("HOST", "127.0.0.1");
  put("SMTP_PORT", p.smtp);
  put("LMTP_PORT", p.lmtp);
  put("IMAP_PORT", p.imap);
  put("POP_PORT", p.pop);
  put("USER_PAT", "user%04d@" + s.domain);
  put("PASS_PAT", "pass%04d");
  put("QUEUE_ONLY", "u%d@hold.test");
  put("QUEUE_DISCARD", "u%d@discard.test");
  put("PIDFILES", s.data_path + "/run/watcher.pid");
  put("CPUFILE", "");
  const std::string queue = s.data_path + "/queue/";
  put("RESET", fmt::format("find {} {} -type f -delete; {} cache -sync >/dev/null", quoted(queue + "hold"),
                           quoted(queue + "bitbucket"), quoted(s.data_path + "/bin/imsimta")));
  return text;
}

}  // namespace waxwing::configure
