// conversion(8): gives the parts of messages to programs of the site on their way.
#include <cstring>

#include "channels/conversion/conversion.h"
#include "channels/program/keeper.h"

int main(int argc, char** argv) {
  using namespace waxwing;
  if (argc > 1 && std::strcmp(argv[1], "--run") == 0) return channels::run_keeper(argc, argv);
  return channels::run_master(argc, argv, {.program = "conversion", .concurrency = 50},
                              &channels::Conversion::create);
}
