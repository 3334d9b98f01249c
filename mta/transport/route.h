// Where a message for a host goes: RFC 5321 §5.1. MX records in order, their addresses, null MX, literals,
// the channel's smart host and last resort, and never back to this very server.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/net/dns.h"
#include "common/net/task.h"

namespace waxwing::mta {

struct Target {
  std::string name;     // host by its name, for TLS and logs
  std::string address;  // numeric
  int port = 25;
  // Who asked for the destination may trust the name: it is the destination's own, or DNSSEC vouches for it.
  bool sure = true;
  std::string destination;  // what was asked for
};

struct RouteOptions {
  bool use_mx = true;     // nomx: addresses only
  bool random_mx = true;  // equals in random order (RFC 5321 §5.1); nonrandommx: as DNS gave them
  int port = 25;
  std::string last_resort;  // tried when nobody else answers
  std::size_t max_mx = 32, max_addresses = 32;
  std::vector<std::string> own_names;  // this server, for loop detection
  // Is this one of our own listening addresses? Null: none is.
  std::function<bool(const std::string& address, int port)> is_own;
};

struct Route {
  enum class Status { found, failed, deferred };
  Status status = Status::found;
  std::vector<Target> targets;  // in the order to try
  std::string text;             // "5.1.2 host unknown: ..." when not found
};

// What DNS is asked; a test brings its own.
class NameService {
 public:
  virtual ~NameService() = default;
  virtual Task<Resolver::MxList> mx(std::string domain) = 0;
  virtual Task<Resolver::Addresses> addresses(std::string name) = 0;
  virtual Task<std::vector<std::string>> names_of(std::string address) = 0;
};
class DnsNameService : public NameService {
 public:
  explicit DnsNameService(Resolver& resolver) : resolver_(resolver) {}
  Task<Resolver::MxList> mx(std::string domain) override;
  Task<Resolver::Addresses> addresses(std::string name) override;
  Task<std::vector<std::string>> names_of(std::string address) override;

 private:
  Resolver& resolver_;
};

// host: a name, "[192.0.2.1]" or "[IPv6:2001:db8::1]".
Task<Route> find_route(NameService& names, std::string host, const RouteOptions& options);

// "192.0.2.1" of "[192.0.2.1]", "2001:db8::1" of "[IPv6:2001:db8::1]"; empty when host is no address literal.
std::string address_of_literal(std::string_view host);
// Numeric addresses of this machine's interfaces.
std::vector<std::string> interface_addresses();

}  // namespace waxwing::mta
