#include "mta/queue/channel_policy.h"

#include <catch2/catch.hpp>

#include "mta/config/mta_config.h"

using namespace waxwing;
using namespace waxwing::mta::queue;

namespace {
ChannelPolicy policy_of(const std::string& keywords) {
  mta::SourceSet sources;
  sources.set_symbol("IMTA_HOST", "h.test");
  sources.set_file("imta.cnf",
                   "h.test $U%$D@h.test\n\nl\nh.test\n\ntcp_local " + keywords + "\ntcp-daemon\n");
  const auto config = mta::MtaConfig::parse(std::move(sources));
  INFO(keywords << ": " << (config ? "" : config.error().text));
  REQUIRE(config);
  return policy_from_config(**config, "tcp_local");
}
}  // namespace

TEST_CASE("which messages of a periodic channel wait for its intervals") {
  constexpr std::int64_t kHour = 3'600'000, kAt = 5 * kHour + 1;
  struct Row {
    const char* keywords;
    std::int64_t nonurgent, normal, urgent;  // the hour of the first try
  };
  const Row rows[] = {
      {"", 5, 5, 5},
      {"maxperiodicnonurgent", 5, 5, 5},  // not periodic
      {"periodic", 8, 8, 8},
      {"period 60", 6, 6, 6},
      {"periodic maxperiodicurgent", 8, 8, 8},
      {"periodic maxperiodicnormal", 8, 8, 5},
      {"period 60 maxperiodicnonurgent", 6, 5, 5},
      {"periodic maxperiodicnonurgent maxperiodicnormal", 8, 8, 5},  // the last one wins
  };
  for (const auto& row : rows) {
    CAPTURE(row.keywords);
    const auto policy = policy_of(row.keywords);
    const auto hour = [&](Priority priority) { return policy.next_run_ms(priority, kAt) / kHour; };
    CHECK(hour(Priority::nonurgent) == row.nonurgent);
    CHECK(hour(Priority::normal) == row.normal);
    CHECK(hour(Priority::urgent) == row.urgent);
  }
}
