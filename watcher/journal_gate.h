// The journal as watcher has it: opened, and so replayed after a power cut, before any service is started. What runs
// already needs no watcher that has it: programs that share a journal which this program cannot attach (of another
// version, or whose run/ was removed) are taken over and stopped all the same.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/config/config.h"

namespace waxwing {

class JournalGate {
 public:
  // Blocks. Does nothing once it was done.
  Result<> open(const Config& config);
  bool is_open() const { return open_; }
  // Before anything can be started, whatever runs must be stopped: the journal is theirs, or run/ was removed under
  // them and nobody finds their sockets.
  bool others_must_end() const { return others_; }
  void others_must_end(std::string why);
  void others_have_ended();
  // Why it is not open.
  const std::string& trouble() const { return trouble_; }

 private:
  bool open_ = false, others_ = false;
  std::string trouble_;
};

}  // namespace waxwing
