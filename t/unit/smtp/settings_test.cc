#include "dispatcher/settings.h"

#include <catch2/catch.hpp>

#include "channels/tcp_smtp_client/commands.h"
#include "channels/tcp_smtp_client/settings.h"
#include "common/net/block_list.h"
#include "dispatcher/choice.h"
#include "mta/transport/tcp_options.h"

using namespace waxwing;
using namespace waxwing::dispatcher;
using namespace std::string_view_literals;

namespace {
std::optional<std::string> expand(std::string_view name) {
  if (name == "mta.smtp_port") return "2025";
  return std::nullopt;
}
}  // namespace

TEST_CASE("dispatcher.cnf: defaults, sections, radix numbers, ports from msg.conf") {
  const auto settings = parse_settings(
      "! "
      "comment\nMAX_CONNS=16%20\nIMAGE=smtpd\n\n[SERVICE=SMTP]\nPORT=$mta.smtp_port,0\nPARAMETER=CHANNEL=tcp_"
      "local\n"
      "[service=smtp_submit]\nPORT=587\nTLS_PORT=465\nMIN_PROCS=1\nDEBUG=-1\nINTERFACE_ADDRESS=127.0.0.1\n",
      "dispatcher.cnf", expand);
  REQUIRE(settings);
  REQUIRE(settings->services.size() == 2);
  const auto& smtp = settings->services[0];
  CHECK(smtp.name == "SMTP");
  CHECK(smtp.ports == std::vector<int>{2025});
  CHECK(smtp.max_conns == 32);
  CHECK(smtp.parameters == std::vector<std::string>{"CHANNEL=tcp_local"});
  CHECK(smtp.listen_backlog() == 160);
  const auto& submit = settings->services[1];
  CHECK(submit.tls_ports == std::vector<int>{465});
  CHECK(submit.min_procs == 1);
  CHECK(submit.addresses == std::vector<std::string>{"127.0.0.1"});
  CHECK(settings->notes.size() == 1);
  const auto backlog =
      parse_settings("IMAGE=x\nBACKLOG=77\n[SERVICE=A]\n[SERVICE=B]\nBACKLOG=1\n", "d", expand);
  REQUIRE(backlog);
  CHECK(backlog->services[0].listen_backlog() == 77);
  CHECK(backlog->services[1].listen_backlog() == 5);
  const auto old = parse_settings(
      "[SERVICE=A]\nIMAGE=IMTA_BIN:tcp_smtp_server\n[SERVICE=B]\nIMAGE=imta_bin:tcp_lmtp_server\n", "d",
      expand);
  REQUIRE(old);
  CHECK(old->services[0].image == "smtpd");
  CHECK(old->services[1].image == "lmtpd");
}

TEST_CASE("dispatcher.cnf: errors name the line") {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const Row row :
       {Row{"IMAGE=x\nnonsense\n", "d:2:"}, Row{"[POOL=x]\n", "d:1:"}, Row{"[SERVICE=]\n", "d:1:"},
        Row{"[SERVICE=a]\n[SERVICE=A]\n", "twice"}, Row{"MAX_CONNS=-1\n", "from 1"},
        Row{"MAX_CONNS=99%1\n", "from 1"}, Row{"PORT=65536\n", "65535"}, Row{"PORT=$no.such\n", "msg.conf"},
        Row{"NOSUCH=1\n", "not known"}, Row{"[SERVICE=A]\nPORT=1\n", "IMAGE"},
        Row{"IMAGE=x\nPORT=25\n[SERVICE=A]\n[SERVICE=B]\n", "already taken"},
        Row{"IMAGE=x\n[SERVICE=A]\nMIN_CONNS=9\nMAX_CONNS=2\n", "MIN_CONNS"}}) {
    INFO(row.text);
    const auto settings = parse_settings(row.text, "d", expand);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().text.find(row.says) != std::string::npos);
  }
}

TEST_CASE("dispatcher.cnf: block lists are collected, one line each") {
  const auto settings = parse_settings(
      "IMAGE=x\nDNS_VERIFY_DOMAIN=all.test\n[SERVICE=A]\nDNS_VERIFY_DOMAIN=more.test\n[SERVICE=B]\n", "d",
      expand);
  REQUIRE(settings);
  CHECK(settings->services[0].block_lists == std::vector<std::string>{"all.test", "more.test"});
  CHECK(settings->services[1].block_lists == std::vector<std::string>{"all.test"});
  for (const char* bad : {"DNS_VERIFY_DOMAIN=\n", "DNS_VERIFY_DOMAIN=.x\n", "DNS_VERIFY_DOMAIN=a b\n"})
    CHECK_FALSE(parse_settings(bad, "d", expand));
}

TEST_CASE("dispatcher.cnf: ENABLE_RBL turns the block lists of a service off") {
  const auto settings = parse_settings(
      "IMAGE=x\nDNS_VERIFY_DOMAIN=all.test\nENABLE_RBL=1\n[SERVICE=A]\nENABLE_RBL=0\n[SERVICE=B]\n", "d",
      expand);
  REQUIRE(settings);
  CHECK(settings->services[0].block_lists.empty());
  CHECK(settings->services[1].block_lists == std::vector<std::string>{"all.test"});
  CHECK(settings->notes.empty());
  const auto none = parse_settings("IMAGE=x\nENABLE_RBL=1\n[SERVICE=A]\n", "d", expand);
  REQUIRE(none);
  REQUIRE(none->notes.size() == 1);
  CHECK(none->notes[0].find("name one with DNS_VERIFY_DOMAIN") != std::string::npos);
  CHECK_FALSE(parse_settings("IMAGE=x\nENABLE_RBL=maybe\n[SERVICE=A]\n", "d", expand));
}

TEST_CASE("what a block list is asked and what its answers mean") {
  CHECK(reversed_address("192.0.2.4") == "4.2.0.192");
  CHECK(reversed_address("2001:db8::1") == "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2");
  CHECK(reversed_address("x").empty());
  CHECK(says_listed("\x7f\0\0\2"sv));
  CHECK_FALSE(says_listed("\x7f\xff\xff\xfe"sv));
  CHECK_FALSE(says_listed("\xc0\0\2\1"sv));
  CHECK_FALSE(says_listed(""));
}

TEST_CASE("workers grow when all hold MIN_CONNS, up to MAX_PROCS") {
  ServiceSettings s;
  s.min_procs = 1, s.max_procs = 2, s.min_conns = 2, s.max_conns = 3;
  CHECK(wants_worker(s, {}));
  std::vector<WorkerLoad> workers{{.active = 1}};
  CHECK_FALSE(wants_worker(s, workers));
  workers[0].active = 2;
  CHECK(wants_worker(s, workers));
  CHECK(pick_worker(s, workers) == 0);
  workers.push_back({.active = 1});
  CHECK(pick_worker(s, workers) == 1);
  workers[0].active = workers[1].active = 3;
  CHECK_FALSE(wants_worker(s, workers));
  CHECK(pick_worker(s, workers) == -1);
}

TEST_CASE("old, spent and surplus workers drain, MAX_SHUTDOWN at a time") {
  ServiceSettings s;
  s.min_procs = 1, s.max_life_conns = 10, s.max_life_time_s = 100, s.max_idle_time_s = 5, s.max_shutdown = 1;
  std::vector<WorkerLoad> workers{{.active = 1, .handed = 9, .age_s = 99}};
  CHECK(pick_retired(s, workers) == -1);
  workers[0].handed = 10;
  CHECK(pick_retired(s, workers) == 0);
  workers[0].handed = 0, workers[0].age_s = 100;
  CHECK(pick_retired(s, workers) == 0);
  workers.push_back({.draining = true});
  CHECK(pick_retired(s, workers) == -1);
  workers = {{.active = 0, .idle_s = 5}};
  CHECK(pick_retired(s, workers) == -1);  // MIN_PROCS stay
  workers.push_back({.active = 0, .idle_s = 5});
  CHECK(pick_retired(s, workers) == 0);
}

TEST_CASE("tcp option files: minutes, flags, and errors that name the line") {
  const auto options = mta::parse_tcp_options(
      "! x\nDATA_RECEIVE_TIME=2\nBANNER_HOST=mx.test\nHIDE_VERIFY=1\nTRACE_LEVEL=1\nCHECK_SOURCE=1\n", "o");
  REQUIRE(options);
  CHECK(options->data_receive_ms == 120000);
  CHECK(options->banner_host == "mx.test");
  CHECK(options->hide_verify);
  CHECK(options->notes.size() == 2);
  for (const char* bad : {"X", "X=1", "DATA_RECEIVE_TIME=0", "DATA_RECEIVE_TIME=1.5", "HIDE_VERIFY=2",
                          "BANNER_ADDITION=a|b", "ALLOW_RECIPIENTS_PER_TRANSACTION=99999999999"}) {
    const auto refused = mta::parse_tcp_options(std::string("\n") + bad, "o");
    REQUIRE_FALSE(refused);
    CHECK(refused.error().text.starts_with("o:2: "));
  }
}

TEST_CASE("the wait for the answer to a message grows with it, up to a week") {
  const auto options = mta::parse_tcp_options(
      "STATUS_DATA_RECEIVE_TIME=1\nSTATUS_DATA_RECV_PER_ADDR_TIME=2\nSTATUS_DATA_RECV_PER_BLOCK_TIME=3\n"
      "STATUS_DATA_RECV_PER_ADDR_PER_BLOCK_TIME=4\n",
      "o");
  REQUIRE(options);
  CHECK(channels::smtp::answer_wait_ms(*options, 0, 0) == 60'000);
  CHECK(channels::smtp::answer_wait_ms(*options, 10, 100) == (1 + 20 + 300 + 4000) * 60'000);
  CHECK(channels::smtp::answer_wait_ms(*options, 1'000'000, 1'000'000'000) == 7 * 24 * 3600 * 1000LL);
}

TEST_CASE("a login by host, by domain, and for all others") {
  using namespace waxwing::channels::smtp;
  ClientSettings settings;
  CHECK(login_for(settings, "mx.example.org", "mx.example.org") == nullptr);
  settings.logins = {
      {"example.org", {"domain", ""}}, {"mx.example.net", {"host", ""}}, {"[192.0.2.1]", {"literal", ""}}};
  const auto user = [&](const char* destination, const char* host) {
    const auto* login = login_for(settings, destination, host);
    return login ? login->user : std::string("nobody");
  };
  CHECK(user("example.org", "mx.elsewhere.test") == "domain");
  CHECK(user("sub.Example.Org", "mx.elsewhere.test") == "domain");
  CHECK(user("elsewhere.test", "mx.example.net") == "host");
  CHECK(user("elsewhere.test", "mx1.example.net") == "nobody");
  CHECK(user("notexample.org", "x") == "nobody");
  CHECK(user("[192.0.2.1]", "[192.0.2.1]") == "literal");
  CHECK(user("[192.0.2.2]", "[192.0.2.2]") == "nobody");
  settings.logins[""] = {"usual", ""};
  CHECK(user("[192.0.2.2]", "[192.0.2.2]") == "usual");
}

TEST_CASE("a channel's address is one of the right family") {
  using namespace waxwing::channels::smtp;
  ClientSettings settings;
  CHECK(local_address_for(settings, "2001:db8::1") == "");
  settings.local_addresses = {"192.0.2.9"};
  CHECK(local_address_for(settings, "192.0.2.1") == "192.0.2.9");
  CHECK_FALSE(local_address_for(settings, "2001:db8::1"));
  settings.local_addresses.push_back("2001:db8::9");
  CHECK(local_address_for(settings, "2001:db8::1") == "2001:db8::9");
}
