// Waiting until messages are shown: `count` of the mapped header is the word that waiters of all processes sleep on.
#include "store/mailbox/index_wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <ctime>

#include "common/base/time.h"
#include "common/log/log.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
constexpr long kLookAgainNs = 50'000'000;  // nobody wakes us for a writer that was killed

void sleep_while(const std::uint32_t& word, std::uint32_t value) {
  const timespec pause{0, kLookAgainNs};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &pause, nullptr, 0);
}
}  // namespace

void wake_waiting(const std::uint32_t& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

namespace {
// Why readers do not see it yet, in words; and it may be hours before somebody looks at this, so: how often.
bool give_up(const Index& index, std::uint32_t slot, std::int64_t waited_ms, std::string_view cause) {
  static std::atomic<std::int64_t> times{0};
  log::Event("store.shown.late")
      .with("mailbox", index.directory())
      .with("slot", slot)
      .with("waited_ms", waited_ms)
      .with("cause", cause)
      .with("times", ++times)
      .with("action",
            "messages answered with OK are on disk but not shown before the writer of that slot is done: "
            "look for a "
            "disk or a process that hangs; run imcheck if it stays so")
      .error();
  return false;
}
}  // namespace

bool Index::wait_until_shown(std::uint32_t end_slot, Account& account, std::int64_t most_ms) {
  const auto begun = monotonic_ms();
  for (;;) {
    const auto count = load(header().count);
    if (count >= end_slot) return true;
    const auto waited = monotonic_ms() - begun;
    if (waited >= most_ms) return give_up(*this, count, waited, "its writer is alive and not done");
    sleep_while(header().count, count);
    if (load(header().count) != count) continue;
    const auto settled = lock(account);  // gives up the slots of the dead
    // Nobody replaces an index in which a slot is reserved, and a mailbox that is gone shows nothing.
    if (!settled && (superseded() || (load(header().state) & kMailboxGone) != 0)) return true;
    if (!settled) return give_up(*this, count, monotonic_ms() - begun, settled.error().text);
  }
}

}  // namespace waxwing::store
