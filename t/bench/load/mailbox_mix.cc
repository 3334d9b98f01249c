// IMAP as mail clients speak it: each connection works in a mailbox of its own user.
#include <fmt/core.h>
#include <fmt/format.h>

#include <optional>
#include <stdexcept>

#include "t/bench/load/imap.h"
#include "t/bench/load/mail.h"
#include "t/bench/load/run.h"
#include "t/bench/load/workloads.h"

namespace waxwing::bench {

namespace {
struct Operation {
  const char* name;
  int weight;  // of a hundred
  void (*run)(const Options&, ImapSession&, std::int64_t number, std::int64_t messages);
};

constexpr Operation kOperations[] = {
    {"fetch_headers", 25,
     [](const Options&, ImapSession& session, std::int64_t number, std::int64_t messages) {
       const auto from = number % std::max<std::int64_t>(messages - 10, 1) + 1;
       session.command(
           fmt::format("FETCH {}:{} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)", from, from + 9));
     }},
    {"fetch_body", 20,
     [](const Options&, ImapSession& session, std::int64_t number, std::int64_t messages) {
       session.command(fmt::format("FETCH {} (BODY.PEEK[])", number % messages + 1));
     }},
    {"store", 20,
     [](const Options&, ImapSession& session, std::int64_t number, std::int64_t messages) {
       session.command(
           fmt::format("STORE {} {}FLAGS (\\Seen)", number % messages + 1, number % 2 ? "+" : "-"));
     }},
    {"search", 8,
     [](const Options&, ImapSession& session, std::int64_t number, std::int64_t) {
       session.command(fmt::format("SEARCH SUBJECT \"message {}\"", number % 50));
     }},
    {"append_expunge", 7,
     [](const Options& options, ImapSession& session, std::int64_t number, std::int64_t messages) {
       session.append(options.text("box"),
                      make_message(number, static_cast<std::size_t>(options.number("size")), "me"));
       session.command(fmt::format("STORE {} +FLAGS.SILENT (\\Deleted)", messages / 2 + 1));
       session.command("EXPUNGE");
     }},
    {"noop", 20,
     [](const Options&, ImapSession& session, std::int64_t, std::int64_t) { session.command("NOOP"); }},
};

const Operation& choose(std::int64_t number) {
  auto at = static_cast<int>(number * 37 % 100);  // every hundred numbers hold each operation by its weight
  for (const auto& operation : kOperations) {
    if (at < operation.weight) return operation;
    at -= operation.weight;
  }
  return kOperations[0];
}

template <class Action>
void timed(Tally& tally, const char* name, Action action) {
  const auto begun = Clock::now();
  action();
  const auto took = static_cast<float>(ms_since(begun));
  tally.add(took);
  tally.add(took, name);
}
}  // namespace

void fill_mailboxes(const Options& options) {
  const auto size = static_cast<std::size_t>(options.number("size"));
  auto by_mailbox = options;
  by_mailbox.set("count", options.text("users"));
  auto run = run_threads(by_mailbox, [&](int, Supply& supply, Tally& tally) {
    std::int64_t mailbox = 0;
    if (!supply.next(mailbox)) return;
    ImapSession session(options, "port", options.number("first") + mailbox);
    try {
      session.command("CREATE " + options.text("box"));
    } catch (const std::runtime_error&) {  // it is there
    }
    for (std::int64_t i = 0; i < options.number("perconn"); ++i) {
      const auto begun = Clock::now();
      session.append(options.text("box"), make_message(i, size, "me"));
      tally.add(static_cast<float>(ms_since(begun)));
    }
    session.command("LOGOUT");
  });
  fmt::print("{}\n", report(options, run, "msg/s"));
}

void mailbox_mix(const Options& options) {
  const auto per_login = options.number("perconn");
  auto run = run_threads(options, [&](int thread, Supply& supply, Tally& tally) {
    const auto user = options.number("first") + thread % options.number("users");
    std::optional<ImapSession> session;
    timed(tally, "login", [&] { session.emplace(options, "port", user); });
    std::int64_t messages = session->messages(options.text("box"));
    timed(tally, "select", [&] { session->command("SELECT " + options.text("box")); });
    std::int64_t number = 0;
    for (std::int64_t done = 0; supply.next(number);) {
      const auto& operation = choose(number);
      timed(tally, operation.name, [&] { operation.run(options, *session, number, messages); });
      if (++done == per_login) break;
    }
    session->command("LOGOUT");
  });
  fmt::print("{}\n", report(options, run, "op/s"));
}

}  // namespace waxwing::bench
