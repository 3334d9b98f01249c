// autoreply(8): answers for users who are away. One at a time, since each looks who has been told.
#include "channels/autoreply/autoreply.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "autoreply", .concurrency = 1},
                              &channels::Autoreply::create);
}
