// What every address function is given: configuration, directory, and how patient to be.
#pragma once

#include <functional>
#include <string>

#include "mta/address/directory_view.h"
#include "mta/config/mta_config.h"

namespace waxwing::mta {

// A person looking over the shoulder: imsimta test -rewrite. depth indents.
class Trace {
 public:
  virtual ~Trace() = default;
  virtual void say(const std::string& line) = 0;
};

// Functions that take a Lookup are idempotent: call them inline with Ask::cache_only first; when the error
// is_would_block(), call them again on a worker with Ask::may_block. They keep nothing between calls.
struct Lookup {
  const MtaConfig& config;
  DirectoryView* directory = nullptr;  // null: answers as if the directory were down
  Ask ask = Ask::may_block;
  Trace* trace = nullptr;

  // make is called only when somebody is watching.
  template <class F>
  void say(F&& make) const {
    if (trace) trace->say(make());
  }
};

}  // namespace waxwing::mta
