#include "job_controller/controller_config.h"

#include <catch2/catch.hpp>

#include "common/base/file.h"

using namespace waxwing;
using job_controller::ControllerConfig;

TEST_CASE("the shipped job_controller.cnf is good and complete") {
  const auto config = ControllerConfig::parse(read_file("etc/config/job_controller.cnf").value());
  REQUIRE(config);
  CHECK(config->warnings.empty());
  CHECK(config->pool("").name == "default");
  CHECK(config->pool("ims_pool").job_limit == 4);
  CHECK(config->pool("no_such_pool").name == "default");
  for (const char* channel :
       {"ims-ms", "tcp_local", "tcp_intranet", "process", "reprocess", "hold", "bitbucket"}) {
    INFO(channel);
    REQUIRE(config->section(channel) != nullptr);
    CHECK_FALSE(config->section(channel)->master_command.empty());
  }
  CHECK(config->section("tcp_local")->master_command == "IMTA_EXE:tcp_smtp_client");
  CHECK(config->section("l") == nullptr);
}

TEST_CASE("defaults before sections hold for the sections after them; exact names beat wildcards") {
  const auto config = ControllerConfig::parse(
      "! comment\nJOB_LIMIT=3\nmax_life_age = 60\n\n[POOL=A]\n[POOL=B]\nJOB_LIMIT=7\n"
      "[CHANNEL=tcp_*]\nMASTER_COMMAND=one\n[CHANNEL=tcp_local]\nMASTER_COMMAND=two\nMAX_LIFE_AGE=5\n");
  REQUIRE(config);
  CHECK(config->pool("a").job_limit == 3);
  CHECK(config->pool("B").job_limit == 7);
  CHECK(config->section("tcp_x")->max_life_seconds == 60);
  CHECK(config->section("TCP_LOCAL")->master_command == "two");
  CHECK(config->section("tcp_local")->max_life_seconds == 5);
}

TEST_CASE("an empty file has a default pool and no channels") {
  const auto config = ControllerConfig::parse("");
  REQUIRE(config);
  CHECK(config->pools.size() == 1);
  CHECK(config->section("ims-ms") == nullptr);
}

TEST_CASE("options of other products that have no effect here are named") {
  const auto config =
      ControllerConfig::parse("TCP_PORT=27442\nSECRET=x\nDEBUG=16%ffff\n[CHANNEL=x]\nSLAVE_COMMAND=y\n");
  REQUIRE(config);
  CHECK(config->warnings.size() == 4);
  CHECK(config->warnings[0].find("job_controller.cnf:1: TCP_PORT") != std::string::npos);
}

TEST_CASE("delivery windows belong to pools, and may have a default") {
  const auto config = ControllerConfig::parse(
      "NONURGENT_DELIVERY=20:00-06:00\n[POOL=A]\n[POOL=B]\nNONURGENT_DELIVERY=00:00-24:00\n"
      "URGENT_DELIVERY=mon-fri 08:00-18:00\n");
  REQUIRE(config);
  CHECK_FALSE(config->pool("a").windows[0].is_open(12 * 60));
  CHECK(config->pool("a").windows[2].is_open(12 * 60));
  CHECK(config->pool("b").windows[0].is_open(12 * 60));
  CHECK_FALSE(config->pool("b").windows[2].is_open(12 * 60));  // a Sunday
}

TEST_CASE("periodic jobs have a command and times") {
  const auto config =
      ControllerConfig::parse("[PERIODIC_JOB=Purge]\nCOMMAND=imsimta purge\nTIME=00:30/12:00\n");
  REQUIRE(config);
  REQUIRE(config->periodic_jobs.size() == 1);
  CHECK(config->periodic_jobs[0].name == "purge");
  CHECK(config->periodic_jobs[0].command == "imsimta purge");
  CHECK(config->periodic_jobs[0].times.is_due(12 * 60 + 30));
}

TEST_CASE("bad lines are refused with their number") {
  for (const char* bad :
       {"x", "NO_SUCH=1", "MAX_MESSAGES=many", "MAX_MESSAGES=1", "[POOL=]", "[POOL=a", "[POOL]", "[THING=a]",
        "[POOL=a]\n[POOL=a]", "[POOL=a]\nMASTER_COMMAND=x", "[CHANNEL=a]\nJOB_LIMIT=2",
        "[CHANNEL=a]\nMAX_LIFE_AGE=-1", "JOB_LIMIT=99999999999", "NORMAL_DELIVERY=at night",
        "[PERIODIC_JOB=x]\nTIME=00:30", "[PERIODIC_JOB=x]\nCOMMAND=x", "[PERIODIC_JOB=x]\nCOMMAND=x\nTIME=x",
        "[PERIODIC_JOB=x]\nCOMMAND=x\nTIME=00:30\nJOB_LIMIT=2"}) {
    INFO(bad);
    const auto config = ControllerConfig::parse(bad);
    REQUIRE_FALSE(config);
    CHECK(config.error().text.find("job_controller.cnf:") != std::string::npos);
  }
}
