#include "mta/policy/meter.h"

#include <atomic>

#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"

namespace waxwing::mta {

namespace {

constexpr std::int64_t kAnswerMs = 2000, kSlowMs = 1000, kRestMs = 10000, kComplainMs = 60000;

void complain(const std::string& why) {
  static std::atomic<std::int64_t> next_ms{0};
  auto due = next_ms.load();
  if (monotonic_ms() < due || !next_ms.compare_exchange_strong(due, monotonic_ms() + kComplainMs)) return;
  log::Event("mta.metermaid.failed").with("why", why).warning();
}

}  // namespace

std::optional<Record> ask_meter(const std::string& root, const Record& question) {
  static std::atomic<std::int64_t> rests_until_ms{0};
  const auto begun = monotonic_ms();
  if (begun < rests_until_ms.load()) return std::nullopt;
  auto answer = ask(root + "/run/metermaid", question, kAnswerMs);
  if (answer && answer->is("answer")) return std::move(*answer);
  if (monotonic_ms() - begun >= kSlowMs) rests_until_ms = monotonic_ms() + kRestMs;
  complain(answer ? std::string(answer->get("text")) : answer.error().text);
  return std::nullopt;
}

}  // namespace waxwing::mta
