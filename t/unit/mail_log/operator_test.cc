// What syslog is told of messages that are held (HELD_SNDOPR, SNDOPR_PRIORITY).
#include <catch2/catch.hpp>

#include "mta/mail_log/mail_log.h"
#include "t/unit/syslog.h"

using namespace waxwing;
using namespace waxwing::mta;
using test::told;

namespace {
std::shared_ptr<const MtaConfig> config_with(const char* options) {
  SourceSet sources;
  sources.set_symbol("IMTA_HOST", "h.test");
  sources.set_file("imta.cnf", "h.test $U%$D@h.test\n\nl\nh.test\n");
  sources.set_file("option.dat", options);
  auto config = MtaConfig::parse(std::move(sources));
  INFO((config ? std::string() : config.error().text));
  REQUIRE(config);
  return *config;
}
}  // namespace

TEST_CASE("an operator hears of held messages, at the priority that is wanted") {
  struct Row {
    const char* options;
    int priority;  // -1: nothing is told
  };
  const Row rows[] = {
      {"", -1},
      {"HELD_SNDOPR=1\n", LOG_MAIL | LOG_NOTICE},
      {"HELD_SNDOPR=1\nSNDOPR_PRIORITY=3\n", LOG_MAIL | LOG_ERR},
      {"HELD_SNDOPR=1\nSNDOPR_PRIORITY=131\n", LOG_LOCAL0 | LOG_ERR},
      {"SNDOPR_PRIORITY=3\n", -1},
  };
  for (const auto& row : rows) {
    CAPTURE(row.options);
    told.clear();
    mail_log::tell_held(*config_with(row.options), "tcp_local", "tcp_local/000/ZZ1.HELD",
                        "50 Received\nfields");
    CHECK(told.size() == (row.priority < 0 ? 0 : 1));
    if (told.empty()) continue;
    CHECK(told[0].first == row.priority);
    CHECK(told[0].second.find("tcp_local/000/ZZ1.HELD of channel tcp_local is held: 50 Received") !=
          std::string::npos);
    CHECK(told[0].second.find('\n') == std::string::npos);
  }
}
