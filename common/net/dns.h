// DNS for coroutines, on libunbound. One Resolver a process; answers are cached by TTL inside the library.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/net/loop.h"

namespace waxwing {

struct DnsAnswer {
  enum class Status {
    found,
    no_data,  // the name exists, this type does not
    no_name,  // NXDOMAIN
    failed,   // time-out, SERVFAIL, bogus: temporary
  };
  Status status = Status::failed;
  bool secure = false;               // DNSSEC-validated
  std::vector<std::string> records;  // wire-format rdata, one each
  std::string why;                   // for failed
};

// "192.0.2.4", "2001:db8::1": numeric, without brackets.
bool is_ip_address(const std::string& text);

// "4.2.0.192" for 192.0.2.4, sixteen times two digits for an IPv6 address; empty for what is no address. In
// front of in-addr.arpa, ip6.arpa or the zone of a block list it is a name to ask for.
std::string reversed_address(const std::string& address);

struct MxHost {
  unsigned preference = 0;
  std::string name;  // without final dot; "" for a null MX (RFC 7505)
};

class Resolver {
 public:
  struct Options {
    std::string server;      // "127.0.0.1@5353"; empty: /etc/resolv.conf
    std::string hosts_file;  // empty: none
    bool system_default = true;
  };
  Resolver(EventLoop& loop, Options options);
  ~Resolver();

  Task<DnsAnswer> query(std::string name, int rr_type);  // 1 A, 28 AAAA, 15 MX, 16 TXT, 12 PTR, 52 TLSA
  // Numeric addresses; v6 after v4 of the same name. found with an empty list does not happen.
  struct Addresses {
    DnsAnswer::Status status = DnsAnswer::Status::failed;
    std::vector<std::string> list;
    std::string why;
  };
  Task<Addresses> addresses(std::string name);
  struct MxList {
    DnsAnswer::Status status = DnsAnswer::Status::failed;
    std::vector<MxHost> hosts;  // sorted by preference
    std::string why;
    bool secure = false;  // DNSSEC-validated
  };
  Task<MxList> mx(std::string domain);
  // Names of an address (PTR), empty when none.
  Task<std::vector<std::string>> names_of(std::string address);

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

// RFC 7505: the domain says that it takes no mail.
inline bool is_null_mx(const Resolver::MxList& mx) {
  return mx.hosts.size() == 1 && mx.hosts.front().name.empty();
}

}  // namespace waxwing
