// tcp_smtp_client: the master program of the tcp_* channels.
//
//   a unit of work (one host's recipients of one message) → an idle connection to that host, or DNS → the
//   targets in order → EHLO, STARTTLS → MAIL, RCPT, DATA or BDAT → a verdict per recipient.
//
// Marks, retries and notices are the frame's (channels/master). See tcp_smtp_client(8).
#include "channels/master/master.h"
#include "channels/tcp_smtp_client/client.h"

using namespace waxwing;

int main(int argc, char** argv) {
  return channels::run_master(
      argc, argv, {.program = "tcp_smtp_client", .concurrency = 50, .per_host = 10},
      [](channels::MasterContext& context) { return channels::smtp::Client::create(context); });
}
