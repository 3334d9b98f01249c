// Waiting until messages are shown: `count` of the mapped header is the word that waiters of all processes sleep on.
#include "store/mailbox/index_wait.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>
#include <ctime>

#include "common/base/time.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
constexpr std::int64_t kMostMs = 5000;
constexpr long kLookAgainNs = 50'000'000;  // nobody wakes us for a writer that was killed

void sleep_while(const std::uint32_t& word, std::uint32_t value) {
  const timespec pause{0, kLookAgainNs};
  ::syscall(SYS_futex, &word, FUTEX_WAIT, value, &pause, nullptr, 0);
}
}  // namespace

void wake_waiting(const std::uint32_t& word) {
  ::syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

void Index::wait_until_shown(std::uint32_t end_slot, Account& account) {
  const auto until = monotonic_ms() + kMostMs;
  for (;;) {
    const auto count = load(header().count);
    if (count >= end_slot || monotonic_ms() >= until) return;
    sleep_while(header().count, count);
    if (load(header().count) != count) continue;
    const auto settled = lock(account);  // gives up the slots of the dead
    if (!settled) return;
  }
}

}  // namespace waxwing::store
