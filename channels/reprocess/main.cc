// reprocess(8): resolves the addresses of messages again: after a hold, or when a channel puts it off.
#include "channels/resubmit/resubmit.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "reprocess", .concurrency = 20},
                              &channels::Resubmit::create);
}
