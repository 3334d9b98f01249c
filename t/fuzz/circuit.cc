// What circuitcheck reads: its configuration, headers of messages that come back, and its own records, which somebody or
// something may have damaged.
#include "mta/circuit/record.h"
#include "mta/config/circuits.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

void configuration(std::string_view text) {
  SourceSet sources;
  sources.set_file("circuitcheck.cnf", std::string(text));
  std::vector<std::string> errors;
  for (const auto& each : parse_circuits(sources, MtaOptions(), errors)) {
    MUST(is_circuit_name(each.name) && !each.address.empty());
    MUST(each.interval_seconds >= 60 && each.expires_seconds >= 1);
  }
  if (const auto bins = parse_completed_bins(text)) MUST(!bins->empty() && bins->front() > 0);
}

// Nobody knows the key.
void header(std::string_view text) {
  const auto found = circuit::find_token(std::string(32, 'k'), mail::HeaderBlock::scan(text));
  MUST(found.kind != circuit::Found::Kind::good);
}

void record(std::string_view text) {
  constexpr std::int64_t kNow = 1'800'000'000'000;
  auto record = circuit::Record::parse(text);
  if (!record) return;
  const auto again = circuit::Record::parse(record->text());
  MUST(again && again->text() == record->text());
  record->use_bins({1, 2});
  (void)record->is_due(kNow, 60);
  const auto sent = record->send(kNow);
  (void)record->expire(kNow, 1);
  (void)record->came_back({"x", sent.number, sent.sent_ms}, kNow + 1, "Q");
  MUST(circuit::Record::parse(record->text()));
}

}  // namespace

FUZZ_TARGET(circuit) {
  configuration(input);
  header(input);
  record(input);
}
