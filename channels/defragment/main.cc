// defragment(8): puts messages together that come in pieces. One at a time, since each looks what is there.
#include "channels/defragment/defragment.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "defragment", .concurrency = 1},
                              &channels::Defragment::create);
}
