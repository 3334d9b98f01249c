#include "mta/transport/route.h"
#include "mta/transport/client_name.h"

#include <catch2/catch.hpp>

#include <map>

using namespace waxwing;
using namespace waxwing::mta;
using Status = DnsAnswer::Status;

namespace {

// A zone in memory; what is not in it does not exist.
struct Zone : NameService {
  std::map<std::string, Resolver::MxList> mx_lists;
  std::map<std::string, Resolver::Addresses> hosts;
  std::map<std::string, std::vector<std::string>> names;
  void mx_record(const std::string& domain, unsigned preference, const std::string& host) {
    auto& list = mx_lists[domain];
    list.status = Status::found;
    list.hosts.push_back({preference, host});
  }
  void host(const std::string& name, std::vector<std::string> list) {
    hosts[name] = {Status::found, std::move(list), ""};
  }
  Task<Resolver::MxList> mx(std::string domain) override {
    if (const auto found = mx_lists.find(domain); found != mx_lists.end()) co_return found->second;
    Resolver::MxList none;
    none.status = hosts.contains(domain) ? Status::no_data : Status::no_name;
    co_return none;
  }
  Task<Resolver::Addresses> addresses(std::string name) override {
    if (const auto found = hosts.find(name); found != hosts.end()) co_return found->second;
    Resolver::Addresses none;
    none.status = Status::no_name;
    co_return none;
  }
  Task<std::vector<std::string>> names_of(std::string address) override { co_return names[address]; }
};

Task<void> ask(NameService& zone, std::string host, const RouteOptions& options, Route& into) {
  into = co_await find_route(zone, std::move(host), options);
}

Route route(Zone& zone, const std::string& host, const RouteOptions& options = {}) {
  Route result;
  spawn(ask(zone, host, options, result));
  return result;
}

Task<void> ask_name(NameService& zone, std::string address, std::string& into) {
  into = co_await client_name(zone, std::move(address));
}

std::string name(Zone& zone, const std::string& address) {
  std::string found;
  spawn(ask_name(zone, address, found));
  return found;
}

std::string addresses(const Route& route) {
  std::string all;
  for (const auto& target : route.targets) all += target.address + " ";
  return all;
}

}  // namespace

TEST_CASE("targets come by preference, each with all its addresses") {
  Zone zone;
  zone.mx_record("d.test", 10, "a.test");
  zone.mx_record("d.test", 20, "b.test");
  zone.host("a.test", {"192.0.2.1", "2001:db8::1"});
  zone.host("b.test", {"192.0.2.2"});
  CHECK(addresses(route(zone, "d.test")) == "192.0.2.1 2001:db8::1 192.0.2.2 ");
  RouteOptions nomx;
  nomx.use_mx = false;
  nomx.port = 2525;
  CHECK(route(zone, "b.test", nomx).targets[0].port == 2525);
  CHECK(route(zone, "d.test", nomx).status == Route::Status::failed);
}

TEST_CASE("a host without MX is its own") {
  Zone zone;
  zone.host("h.test", {"192.0.2.9"});
  CHECK(addresses(route(zone, "h.test")) == "192.0.2.9 ");
}

TEST_CASE("DNS is asked for A-labels") {
  Zone zone;
  zone.mx_record("xn--bcher-kva.test", 10, "a.test");
  zone.host("a.test", {"192.0.2.1"});
  CHECK(addresses(route(zone, "bücher.test")) == "192.0.2.1 ");
  CHECK(route(zone, "ü_.test").text.starts_with("5.1.2"));
  CHECK(route(zone, "\xFC.test").text.starts_with("5.1.2"));
}

TEST_CASE("null MX, unknown hosts and failing name servers are told apart") {
  Zone zone;
  zone.mx_record("null.test", 0, "");
  CHECK(route(zone, "null.test").text.starts_with("5.1.10"));
  CHECK(route(zone, "nowhere.test").text.starts_with("5.1.2"));
  zone.mx_lists["broken.test"].status = Status::failed;
  CHECK(route(zone, "broken.test").status == Route::Status::deferred);
  zone.mx_record("half.test", 10, "broken-host.test");
  zone.hosts["broken-host.test"] = {Status::failed, {}, "timeout"};
  CHECK(route(zone, "half.test").text.starts_with("4.4.3"));
}

TEST_CASE("mail never goes to an MX as good as ourselves or worse") {
  Zone zone;
  zone.mx_record("d.test", 10, "better.test");
  zone.mx_record("d.test", 20, "Self.test");
  zone.mx_record("d.test", 30, "worse.test");
  zone.host("better.test", {"192.0.2.1"});
  zone.host("worse.test", {"192.0.2.3"});
  RouteOptions options;
  options.own_names = {"self.test"};
  CHECK(addresses(route(zone, "d.test", options)) == "192.0.2.1 ");
  zone.mx_record("mine.test", 10, "self.test");
  CHECK(route(zone, "mine.test", options).text.starts_with("5.4.6"));
  options.is_own = [](const std::string& address, int port) { return address == "192.0.2.1" && port == 25; };
  zone.host("alias.test", {"192.0.2.1"});
  CHECK(route(zone, "alias.test", options).text.starts_with("5.4.6"));
  options.port = 26;
  CHECK(route(zone, "alias.test", options).status == Route::Status::found);
}

TEST_CASE("the last resort stands behind all others, also when the name servers fail") {
  Zone zone;
  zone.host("h.test", {"192.0.2.9"});
  zone.host("last.test", {"192.0.2.99"});
  zone.mx_lists["broken.test"].status = Status::failed;
  RouteOptions options;
  options.last_resort = "last.test";
  CHECK(addresses(route(zone, "h.test", options)) == "192.0.2.9 192.0.2.99 ");
  CHECK(addresses(route(zone, "broken.test", options)) == "192.0.2.99 ");
  CHECK(route(zone, "nowhere.test", options).targets.empty());
}

TEST_CASE("literals need no DNS; nonsense is refused") {
  Zone zone;
  CHECK(addresses(route(zone, "[192.0.2.7]")) == "192.0.2.7 ");
  CHECK(addresses(route(zone, "[IPv6:2001:db8::7]")) == "2001:db8::7 ");
  for (const char* bad : {"[1.2.3]", "[", "a b", "", "[x]", "-"}) {
    INFO(bad);
    CHECK(route(zone, bad).targets.empty());
  }
}

TEST_CASE("a client has the name that leads back to it") {
  Zone zone;
  zone.host("mail.partner.test", {"192.0.2.1", "2001:db8::1"});
  zone.host("localhost", {"127.0.0.1"});
  zone.names["192.0.2.1"] = {"old.partner.test", "mail.partner.test"};
  zone.names["2001:db8::1"] = {"mail.partner.test"};
  zone.names["198.51.100.1"] = {"mail.partner.test", "localhost", "127.0.0.1"};
  zone.names["198.51.100.2"] = {"a b", "n1.test", "n2.test", "late.test"};
  zone.host("late.test", {"198.51.100.2"});
  CHECK(name(zone, "192.0.2.1") == "mail.partner.test");
  CHECK(name(zone, "2001:db8::1") == "mail.partner.test");
  CHECK(name(zone, "198.51.100.1").empty());
  CHECK(name(zone, "198.51.100.2").empty());
  CHECK(name(zone, "198.51.100.3").empty());
}
