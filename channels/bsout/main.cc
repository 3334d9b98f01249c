// bsout(8): gathers messages and sends them on as one, a batch of SMTP commands.
#include "channels/bsout/bsout.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  // As many may wait for each other as go into the largest batch.
  return channels::run_master(argc, argv, {.program = "bsout", .concurrency = 1000},
                              &channels::Bsout::create);
}
