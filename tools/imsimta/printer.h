// Watching address resolution, for the tests of imsimta.
#pragma once

#include <memory>
#include <string>

#include "mta/address/context.h"

namespace waxwing::imsimta {

class Printer : public mta::Trace {
 public:
  void say(const std::string& line) override;
};

// The instance's directory, as msg.conf and, where there is a configuration of the MTA, its option.dat say; null, with
// a word on standard error, when its settings are wrong.
std::unique_ptr<mta::DirectoryView> directory_for_tool(const std::string& root, const mta::MtaConfig* config);

}  // namespace waxwing::imsimta
