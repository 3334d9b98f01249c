// process(8): resolves and sends on what must not be done where it arose: notifications, group expansion.
#include "channels/resubmit/resubmit.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "process", .concurrency = 20},
                              &channels::Resubmit::create);
}
