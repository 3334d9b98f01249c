// circuitcheck(8): counts the messages of circuits that have come back. One at a time, since all change the same files.
// circuitcheck -send sends them.
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "channels/circuitcheck/circuitcheck.h"
#include "channels/circuitcheck/round.h"

namespace {

using namespace waxwing;

// "-send" and the names of circuits behind it, taken out of the arguments.
std::vector<std::string> take_names(std::vector<char*>& arguments, std::size_t send) {
  std::vector<std::string> names;
  while (arguments.size() > send + 1 && arguments[send + 1][0] != '-') {
    names.emplace_back(arguments[send + 1]);
    arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(send) + 1);
  }
  arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(send));
  return names;
}

int send(std::vector<char*> arguments, std::size_t at) {
  auto names = take_names(arguments, at);
  static std::unique_ptr<channels::Round> round;  // lives as long as the program
  return run_daemon(static_cast<int>(arguments.size()), arguments.data(), "circuitcheck", {.loops = 1},
                    [&](Daemon& daemon) -> Result<> {
                      TRY(round, channels::Round::create(daemon, std::move(names)));
                      spawn(round->run());
                      return {};
                    });
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<char*> arguments(argv, argv + argc);
  for (std::size_t i = 1; i < arguments.size(); ++i)
    if (std::strcmp(arguments[i], "-send") == 0 || std::strcmp(arguments[i], "--send") == 0)
      return send(arguments, i);
  return channels::run_master(argc, argv, {.program = "circuitcheck", .concurrency = 1},
                              &channels::Circuitcheck::create);
}
