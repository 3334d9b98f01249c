// Logins, single IMAP commands, POP3.
#include <fmt/format.h>

#include <stdexcept>

#include "common/base/strings.h"
#include "t/bench/load/imap.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
// A POP3 session in its transaction state.
class PopSession {
 public:
  PopSession(const Options& options, std::int64_t user)
      : wire_(options.text("host"), static_cast<int>(options.number("port"))) {
    positive("greeting");
    command("USER " + with_number(options.text("user"), user));
    command("PASS " + with_number(options.text("pass"), user));
  }
  std::string command(const std::string& line) {
    wire_.send(line + "\r\n");
    return positive(line);
  }
  void lines(const std::string& line) {
    command(line);
    while (wire_.line() != ".") {
    }
  }
  std::int64_t messages() {
    const auto answer = command("STAT");
    std::string_view rest = answer;
    take_until(rest, ' ');
    return to_number<std::int64_t>(take_until(rest, ' ')).value_or(0);
  }

 private:
  std::string positive(const std::string& after) {
    auto line = wire_.line();
    if (!line.starts_with("+OK")) throw std::runtime_error(after + ": " + line);
    return line;
  }
  Wire wire_;
};
}  // namespace

void logins(const Options& options) {
  auto run = run_threads(options, [&](int, Supply& supply, Tally& tally) {
    std::int64_t number = 0;
    if (!supply.next(number)) return;
    const auto begun = Clock::now();
    ImapSession session(options, "port", options.number("first") + number % options.number("users"));
    tally.add(static_cast<float>(ms_since(begun)));
    session.command("LOGOUT");
  });
  fmt::print("{}\n", report(options, run, "op/s"));
}

void one_command(const Options& options) {
  auto run = run_threads(options, [&](int thread, Supply& supply, Tally& tally) {
    ImapSession session(options, "port", options.number("first") + thread % options.number("users"));
    session.command("SELECT " + options.text("box"));
    for (std::int64_t number = 0; supply.next(number);) {
      const auto begun = Clock::now();
      session.command(options.text("command"));
      tally.add(static_cast<float>(ms_since(begun)));
    }
    session.command("LOGOUT");
  });
  fmt::print("{}\n", report(options, run, "op/s"));
}

void pop_retrieval(const Options& options) {
  auto run = run_threads(options, [&](int thread, Supply& supply, Tally& tally) {
    PopSession session(options, options.number("first") + thread % options.number("users"));
    const auto messages = session.messages();
    session.lines("UIDL");
    std::int64_t number = 0;
    for (std::int64_t n = 1; n <= messages && supply.next(number); ++n) {
      const auto begun = Clock::now();
      session.lines("RETR " + std::to_string(n));
      tally.add(static_cast<float>(ms_since(begun)));
    }
    session.command("QUIT");
  });
  fmt::print("{}\n", report(options, run, "msg/s"));
}

}  // namespace waxwing::bench
