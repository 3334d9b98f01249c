#include "common/auth/access.h"

#include <catch2/catch.hpp>

using namespace waxwing;
using namespace waxwing::auth;

namespace {
Peer peer(Service service, const char* address, bool tls = false, const char* name = "") {
  return {.service = service, .address = address, .host_name = name, .tls = tls};
}
}  // namespace

TEST_CASE("service access filters") {
  const auto imap = peer(Service::imap, "192.168.1.5", false, "pc.example.com");
  struct Row {
    const char* filters;
    bool allowed;
  };
  const Row rows[] = {
      {"", true},
      {"+imap:*", true},
      {"imap:ALL", true},
      {"+pop:*", false},  // only allow filters, none matches
      {"-pop:*", true},
      {"-imap:*", false},
      {"+pop,imap,http:*", true},
      {"+pop imap : ALL", true},
      {"-imap:10.0.0.1$+imap:*", true},
      {"-imap:192.168.1.5$+imap:*", false},
      {"+imap:*$-imap:*", true},  // the first that matches decides
      {"+imap:192.168.", true},
      {"+imap:192.16.", false},
      {"+imap:192.168.0.0/16", true},
      {"+imap:192.168.0.0/255.255.0.0", true},
      {"+imap:192.169.0.0/16", false},
      {"+imap:.example.com", true},
      {"+imap:.example.org", false},
      {"+imap:*.example.com", true},
      {"+imap:ALL EXCEPT 192.168.1.5", false},
      {"+imap:ALL EXCEPT 192.168.1.6", true},
      {"+ALL EXCEPT pop:ALL", true},
      {"+imap:ALL EXCEPT .com EXCEPT pc.example.com", true},
      {"+imap:LOCAL", false},
      {"+imap:KNOWN", true},
      {"+imap:UNKNOWN", false},
      {"+imaps:*", false},  // over TLS only
      {"nonsense", false},  // nobody understands it: nobody comes in
      {"+imap:", false},
      {"+:*", false},
  };
  for (const auto& row : rows) {
    INFO(row.filters);
    CHECK(check_filters(row.filters, imap).has_value() == row.allowed);
  }
  CHECK(check_filters("+imaps:*", peer(Service::imap, "10.0.0.1", true)));
  CHECK(check_filters("+imap:2001:db8::/32", peer(Service::imap, "2001:db8::1")));
  CHECK_FALSE(check_filters("+imap:2001:db8::/32", peer(Service::imap, "2001:db9::1")));
  CHECK_FALSE(check_filters("+imap:0.0.0.0/0", peer(Service::imap, "2001:db9::1")));
  CHECK(check_filters("+imap:LOCAL", peer(Service::imap, "127.0.0.1")));
  CHECK(check_filters("+imap:LOCAL", peer(Service::imap, "")));
}

TEST_CASE("loopback addresses") {
  for (const auto* address : {"127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1", ""})
    CHECK(is_loopback(address));
  for (const auto* address : {"10.0.0.1", "::2", "fe80::1", "x"}) CHECK_FALSE(is_loopback(address));
}

TEST_CASE("statuses of user and domain close the door before the filters") {
  using directory::Status;
  auto domain = std::make_shared<directory::Domain>();
  directory::User user;
  user.domain = domain;
  user.store_name = "joe";
  const auto imap = peer(Service::imap, "10.0.0.1");
  CHECK(check_access(user, imap).allowed);
  user.status = Status::overquota;
  CHECK(check_access(user, imap).allowed);
  for (const auto status :
       {Status::inactive, Status::deleted, Status::removed, Status::hold, Status::disabled, Status::unused}) {
    user.status = status;
    CHECK(check_access(user, imap).failure.reason == Reason::status);
  }
  user.status = Status::active;
  domain->status = Status::inactive;
  CHECK(check_access(user, imap).failure.reason == Reason::status);
  domain->status = Status::active;
  domain->allowed_service_access = "-imap:*";
  user.allowed_service_access = "+imap:*";
  CHECK(check_access(user, imap).failure.reason == Reason::access);
}
