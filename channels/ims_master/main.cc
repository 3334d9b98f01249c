// ims_master(8): delivers messages into the message store.
#include "channels/ims_master/ims_channel.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "ims_master", .concurrency = 32},
                              &channels::ImsChannel::create);
}
