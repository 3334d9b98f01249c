// native_master(8): delivers into the mailboxes of the system's own accounts.
#include "channels/native_master/native_channel.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  return channels::run_master(argc, argv, {.program = "native_master", .concurrency = 50},
                              &channels::NativeChannel::create);
}
