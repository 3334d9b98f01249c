// What a run cost besides time: CPU of the server's processes, of this one and of the rest, and the disk.
#pragma once

#include <cstdint>

#include "t/bench/load/options.h"

namespace waxwing::bench {

struct Usage {
  double server_s = 0;     // processes of the instance: those with its folder on their command line
  double generator_s = 0;  // this process
  double busy_s = 0;       // everybody, the kernel's own threads included
  std::uint64_t flushes = 0, writes = 0, written_bytes = 0;  // of the disk, whoever wrote
};

Usage measure(const Options& options);
Usage operator-(const Usage& after, const Usage& before);

}  // namespace waxwing::bench
