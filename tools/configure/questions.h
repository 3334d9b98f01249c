// The questions of an installation, in the documented order.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>

#include "tools/configure/settings.h"

namespace waxwing::configure {

// Asks on out, reads answers from in: a line each, empty for the default; passwords are not shown while they
// are typed. A wrong answer is explained and the question comes again, so do those of the directory until
// try_directory has nothing against the answers. Permanent error when the input ends before all is answered.
struct Terminal {
  std::istream& in;
  std::ostream& out;
};
using TryDirectory = std::function<Result<>(const Settings&)>;
Result<Settings> ask_questions(Terminal terminal, const Settings& defaults,
                               const TryDirectory& try_directory);

// Guesses: this host's full name and the domain it is in.
Settings default_settings();

}  // namespace waxwing::configure
