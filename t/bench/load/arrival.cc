// From the sender to where the reader sees it.
#include <fmt/core.h>

#include <chrono>
#include <stdexcept>
#include <thread>

#include "t/bench/load/imap.h"
#include "t/bench/load/mail.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
constexpr auto kLongestWait = std::chrono::seconds(120);

struct Reader {
  ImapSession session;
  std::int64_t wanted;  // messages in the mailbox when all have arrived
};

std::vector<Reader> open_readers(const Options& options, std::int64_t messages) {
  std::vector<Reader> readers;
  const auto first = options.number("first"), users = options.number("users");
  for (std::int64_t i = 0; i < users; ++i) {
    ImapSession session(options, "imap", first + i);
    const auto present = session.messages(options.text("box"));
    // Copies are dealt out in turn: see recipients_of().
    const auto copies = messages * options.number("rcpts");
    readers.push_back({std::move(session), present + copies / users + (i < copies % users ? 1 : 0)});
  }
  return readers;
}

void wait_for_all(const Options& options, std::vector<Reader>& readers) {
  const auto end = Clock::now() + kLongestWait;
  for (auto& reader : readers)
    while (reader.session.messages(options.text("box")) < reader.wanted) {
      if (Clock::now() > end) throw std::runtime_error("not all messages have arrived");
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
}

using Look = void (*)(ImapSession&);

// One message at a time on an idle server.
void visible(const Options& options, bool idle, Look wait) {
  const auto user = options.number("first");
  auto run = run_threads(options, [&](int, Supply& supply, Tally& tally) {
    MailSession sender(options, Protocol::smtp);
    ImapSession reader(options, "imap", user);
    reader.command("SELECT " + options.text("box"));
    const std::vector<std::string> to = {with_number(options.text("user"), user)};
    for (std::int64_t number = 0; supply.next(number);) {
      const auto text = make_message(number, static_cast<std::size_t>(options.number("size")), to.front());
      if (idle) reader.begin_idle();
      sender.begin("sender@load.test", to, text);
      const auto sent = Clock::now();
      wait(reader);
      tally.add(static_cast<float>(ms_since(sent)));
      sender.accepted();
      if (idle) reader.end_idle();
    }
    sender.quit();
  });
  fmt::print("{}\n", report(options, run, "msg/s"));
}
}  // namespace

void end_to_end(const Options& options) {
  const auto messages = options.number("count");
  if (messages == 0) throw std::runtime_error("this workload ends by count=");
  auto readers = open_readers(options, messages);
  const auto begun = Clock::now();
  const auto before = measure(options);
  auto run = run_threads(options, [&](int, Supply& supply, Tally& tally) {
    std::int64_t number = 0;
    if (!supply.next(number)) return;
    const auto start = Clock::now();
    MailSession session(options, Protocol::smtp);
    const auto to = recipients_of(options, number);
    session.send("sender@load.test", to,
                 make_message(number, static_cast<std::size_t>(options.number("size")), to.front()));
    tally.add(static_cast<float>(ms_since(start)));
    session.quit();
  });
  const auto accepted_per_s = static_cast<double>(run.tally.ms[""].size()) / run.seconds;
  if (run.tally.errors == 0) wait_for_all(options, readers);
  run.seconds = ms_since(begun) / 1000;
  run.usage = measure(options) - before;
  const auto copies = static_cast<double>(messages * options.number("rcpts"));
  fmt::print("{}\n", report(options, run, "msg/s",
                            {{"accept_per_s", accepted_per_s}, {"copies_per_s", copies / run.seconds}}));
}

void visible_by_noop(const Options& options) {
  visible(options, false, [](ImapSession& reader) {
    while (reader.command("NOOP").find(" EXISTS") == std::string::npos)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
}

void visible_by_idle(const Options& options) {
  visible(options, true, [](ImapSession& reader) { reader.wait_exists(); });
}

}  // namespace waxwing::bench
