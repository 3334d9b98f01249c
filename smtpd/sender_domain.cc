// mailfromdnsverify: what DNS says of the domain of MAIL FROM.
#include "common/mail/idn.h"
#include "smtpd/listed.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

namespace {
constexpr std::size_t kMostHosts = 5;  // of its mail hosts, the best ones

std::vector<std::string> mail_hosts(const Resolver::MxList& mx, const std::string& domain) {
  std::vector<std::string> hosts;
  for (const auto& each : mx.hosts)
    if (hosts.size() < kMostHosts) hosts.push_back(each.name);
  if (hosts.empty()) hosts.push_back(domain);
  return hosts;
}
}  // namespace

// Refused when DNS says that there is no such domain, that it takes no mail, or that it is to be found at addresses
// of BLOCKED_MAIL_FROM_IPS only. A name server that does not answer is no reason.
Task<std::optional<Verdict>> Session::sender_domain_refusal(std::string address) {
  using Status = DnsAnswer::Status;
  const auto at = address.rfind('@');
  if (at == std::string::npos || address[at + 1] == '[') co_return std::nullopt;
  auto& resolver = server_->resolver(stream_.loop());
  const auto domain = mail::to_a_labels(std::string_view(address).substr(at + 1));
  if (!domain) co_return Verdict{550, "5.1.8", "The sender's domain is no domain name"};
  const Verdict missing{550, "5.1.8", "The sender's domain does not exist"};
  auto mx = co_await resolver.mx(*domain);
  // RFC 7505 §4.2
  if (is_null_mx(mx)) co_return Verdict{550, "5.7.27", "The sender's domain takes no mail (null MX)"};
  if (mx.status == Status::no_name) co_return missing;
  const auto& blocked = settings_->config->options().text(mta::Opt::BLOCKED_MAIL_FROM_IPS);
  if (mx.status == Status::failed || (mx.status == Status::found && blocked.empty())) co_return std::nullopt;
  bool has_address = false;
  for (const auto& host : mail_hosts(mx, *domain)) {
    auto found = co_await resolver.addresses(host);
    if (found.status == Status::failed) co_return std::nullopt;
    for (const auto& each : found.list)
      if (!is_listed(blocked, each)) co_return std::nullopt;
    has_address = has_address || !found.list.empty();
  }
  if (has_address)
    co_return Verdict{550, "5.1.8", "The sender's domain is at an address that no mail comes from"};
  if (mx.status == Status::found) co_return std::nullopt;
  co_return missing;
}

}  // namespace waxwing::smtpd
