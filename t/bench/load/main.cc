// load: the load generator of `make bench`.
//
//   load WORKLOAD name=value...      one workload, one line of JSON on standard output
//
// Its connections are threads that wait for each answer: what it measures is the server, and a generator that
// is simple can be believed. See t/bench/README.md.
#include <cstdio>
#include <exception>
#include <string_view>

#include "t/bench/load/workloads.h"

namespace {

using namespace waxwing::bench;

struct Workload {
  std::string_view name;
  const char* help;
  void (*run)(const Options&);
};
constexpr Workload kWorkloads[] = {
    {"smtp", "messages over SMTP", smtp_ingress},
    {"lmtp", "messages over LMTP", lmtp_ingress},
    {"e2e", "SMTP until all copies are in their mailboxes", end_to_end},
    {"visible-noop", "final dot to EXISTS, by NOOP", visible_by_noop},
    {"visible-idle", "final dot to EXISTS, by IDLE", visible_by_idle},
    {"fill", "perconn messages by APPEND into the box of each of users", fill_mailboxes},
    {"mix", "IMAP mix, perconn operations a login", mailbox_mix},
    {"login", "IMAP logins, each on a new connection", logins},
    {"command", "one IMAP command on the box, again and again", one_command},
    {"pop", "POP3 RETR of every message", pop_retrieval},
    {"store-fill", "makes the box of the first user hold count messages, by the store library", store_fill},
    {"queue-tree", "count files into the queue below root=, for users= hosts", queue_tree},
    {"schedule", "count messages for users= hosts through a schedule of its own", schedule_cost},
    {"rewriting", "addresses through the rules of root=, and rules= more", rewriting},
};

int usage() {
  std::fputs("usage: load WORKLOAD name=value...\n", stderr);
  for (const auto& each : kWorkloads) std::fprintf(stderr, "  %-13s %s\n", each.name.data(), each.help);
  std::fprintf(stderr, "options, with their defaults:\n%s", Options::describe().c_str());
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return usage();
  for (const auto& each : kWorkloads) {
    if (each.name != argv[1]) continue;
    try {
      each.run(Options::parse(argc, argv, 2));
      return 0;
    } catch (const std::exception& problem) {
      std::fprintf(stderr, "load: %s\n", problem.what());
      return 1;
    }
  }
  return usage();
}
