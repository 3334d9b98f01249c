// Messages into the server, as fast as it takes them.
#include <fmt/core.h>

#include "t/bench/load/mail.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
void ingress(const Options& options, Protocol protocol) {
  const auto size = static_cast<std::size_t>(options.number("size"));
  const auto per_connection = options.number("perconn");
  auto run = run_threads(options, [&](int, Supply& supply, Tally& tally) {
    std::int64_t number = 0;
    if (!supply.next(number)) return;
    auto begun = Clock::now();  // the first message of a connection pays for it
    MailSession session(options, protocol);
    for (std::int64_t sent = 0;;) {
      const auto to = recipients_of(options, number);
      session.send("sender@load.test", to, make_message(number, size, to.front()));
      tally.add(static_cast<float>(ms_since(begun)));
      if (++sent == per_connection || !supply.next(number)) break;
      begun = Clock::now();
    }
    session.quit();
  });
  const auto rate = static_cast<double>(run.tally.ms[""].size()) / run.seconds;
  fmt::print("{}\n", report(options, run, "msg/s",
                            {{"rcpt_per_s", rate * static_cast<double>(options.number("rcpts"))}}));
}
}  // namespace

void smtp_ingress(const Options& options) {
  ingress(options, Protocol::smtp);
}
void lmtp_ingress(const Options& options) {
  ingress(options, Protocol::lmtp);
}

}  // namespace waxwing::bench
