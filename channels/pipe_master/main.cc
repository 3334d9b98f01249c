// pipe_master(8): gives messages to programs.
#include <cstring>

#include "channels/pipe_master/pipe_channel.h"
#include "channels/program/keeper.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  if (argc > 1 && std::strcmp(argv[1], "--run") == 0) return channels::run_keeper(argc, argv);
  return channels::run_master(argc, argv, {.program = "pipe_master", .concurrency = 50},
                              &channels::PipeChannel::create);
}
