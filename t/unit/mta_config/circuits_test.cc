#include "mta/config/circuits.h"

#include <catch2/catch.hpp>

#include "common/base/strings.h"
#include "mta/config/mta_config.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

struct Read {
  std::vector<Circuit> circuits;
  std::vector<std::string> errors;
};

Read read(const std::string& text, const std::string& options = "") {
  SourceSet sources;
  sources.set_file("circuitcheck.cnf", text);
  sources.set_file("option.dat", options);
  Read result;
  std::vector<std::string> warnings;
  const auto parsed = MtaOptions::parse(sources, "option.dat", result.errors, warnings);
  result.circuits = parse_circuits(sources, parsed, result.errors);
  return result;
}

std::string error_of(const std::string& line) {
  const auto got = read(line);
  CHECK(got.circuits.empty());
  return join(got.errors, "|");
}

}  // namespace

TEST_CASE("circuits: a name, an address, and what else there is to say") {
  const auto got = read(
      "! the gateway\n"
      "Gateway circuitcheck%here.example@gate.example\n"
      "\n"
      "partner_2 <@far.example:circuitcheck@here.example> interval=PT1H expires=90 \\\n"
      "  Sender=owner@here.example size=5000\n"
      "quiet echo@far.example sender=<>\n");
  CHECK(got.errors.empty());
  REQUIRE(got.circuits.size() == 3);
  const auto& gateway = got.circuits[0];
  CHECK(gateway.name == "gateway");
  CHECK(gateway.address == "circuitcheck%here.example@gate.example");
  CHECK(gateway.sender.empty());
  CHECK(gateway.interval_seconds == 1800);
  CHECK(gateway.expires_seconds == 7200);
  CHECK(gateway.size_bytes == 0);
  CHECK(gateway.where == "circuitcheck.cnf:2");
  const auto& partner = got.circuits[1];
  CHECK(partner.name == "partner_2");
  CHECK(partner.address == "@far.example:circuitcheck@here.example");
  CHECK(partner.sender == "owner@here.example");
  CHECK(partner.interval_seconds == 3600);
  CHECK(partner.expires_seconds == 90);
  CHECK(partner.size_bytes == 5000);
  CHECK(got.circuits[2].sender.empty());
  CHECK(read("").circuits.empty());
}

TEST_CASE("circuits: what is wrong is told with its place") {
  CHECK(error_of("gateway") ==
        "circuitcheck.cnf:1: expected a name and the address that its messages are sent to; see "
        "circuitcheck.cnf(5)");
  CHECK(error_of("\ngate/way a@b.example").starts_with("circuitcheck.cnf:2: \"gate/way\" is no name"));
  for (const char* name : {"..", "a.b", "\xc3\xa4", "012345678901234567890123456789012", "a%b"})
    CHECK(error_of(name + std::string(" a@b.example")).find("is no name of a circuit") != std::string::npos);
  for (const char* address :
       {"a@", "@b.example", "a@b.example>x", "<a@b.example", "a@b@c", "<>", "a\x01@b.example"})
    CHECK(error_of("x " + std::string(address)).find("is no address") != std::string::npos);
  for (const char* option :
       {"interval=59", "interval=31", "interval=-1", "interval=", "interval=p1y", "expires=0", "expires=pt0s",
        "expires=99999999999999999999", "size=-1", "size=10485761", "sender=a@", "color=red", "color", "=",
        "size=1 size=2", "size=1 SIZE=1"}) {
    INFO(option);
    CHECK_FALSE(error_of("x a@b.example " + std::string(option)).empty());
  }
  CHECK(error_of("x a@b.example interval=5").find("interval wants a time like pt30m") != std::string::npos);
}

TEST_CASE("circuits: two of one name, and more than there may be") {
  const auto twice = read("x a@b.example\nX c@d.example\n");
  CHECK(twice.circuits.size() == 1);
  CHECK(join(twice.errors, "|") == "circuitcheck.cnf:2: there is another circuit x");
  std::string many;
  for (int i = 0; i < 12; ++i) many += "x" + std::to_string(i) + " a@b.example\n";
  const auto refused = read(many);
  CHECK(refused.circuits.size() == 10);
  CHECK(join(refused.errors, "|") ==
        "circuitcheck.cnf:11: there are more circuits than 10: set CIRCUITCHECK_PATHS_SIZE in option.dat");
  CHECK(read(many, "CIRCUITCHECK_PATHS_SIZE=12").circuits.size() == 12);
  CHECK(read("x a@b.example", "CIRCUITCHECK_PATHS_SIZE=-1").circuits.empty());
}

TEST_CASE("circuits: bins of round trips") {
  CHECK(parse_completed_bins("120,300, 900") == std::vector<std::int64_t>{120, 300, 900});
  CHECK(parse_completed_bins(MtaOptions().text(Opt::CIRCUITCHECK_COMPLETED_BINS))->size() == 8);
  for (const char* bad :
       {"", ",", "0", "-1", "120,120", "300,120", "1,", "1;2", "x", "1.5", "99999999999999999999"})
    CHECK_FALSE(parse_completed_bins(bad));
  std::string many = "1";
  for (int i = 2; i < 60; ++i) many += "," + std::to_string(i);
  CHECK_FALSE(parse_completed_bins(many));
}

TEST_CASE("circuits: a configuration with them has their channel") {
  SourceSet sources;
  const std::string imta = "h.example $U@h.example\n\nl\nh.example\n";
  sources.set_file("imta.cnf", imta);
  sources.set_file("circuitcheck.cnf", "x a@h.example\n");
  const auto without = MtaConfig::parse(sources);
  REQUIRE_FALSE(without);
  CHECK(without.error().text.find("circuitcheck.cnf:1: imta.cnf has no channel circuitcheck") !=
        std::string::npos);
  sources.set_file("imta.cnf", imta + "\ncircuitcheck\ncircuitcheck-daemon\n");
  const auto with = MtaConfig::parse(sources);
  REQUIRE(with);
  REQUIRE((*with)->circuit("X") != nullptr);
  CHECK((*with)->circuit("y") == nullptr);
  CHECK((*with)->circuit_bins().size() == 8);
  sources.set_file("option.dat", "CIRCUITCHECK_COMPLETED_BINS=5,4\n");
  const auto bins = MtaConfig::parse(sources);
  REQUIRE_FALSE(bins);
  CHECK(bins.error().text.starts_with("option.dat: CIRCUITCHECK_COMPLETED_BINS has seconds"));
}
