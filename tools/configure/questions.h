// The questions of an installation, in the documented order.
#pragma once

#include <iosfwd>
#include <string>

#include "tools/configure/settings.h"

namespace waxwing::configure {

// Asks on out, reads answers from in: a line each, empty for the default. A wrong answer is explained and
// the question comes again. hide() is called with true before a password is typed and with false after.
// Permanent error when the input ends before all is answered.
struct Terminal {
  std::istream& in;
  std::ostream& out;
  void (*hide)(bool);
};
Result<Settings> ask_questions(Terminal terminal, const Settings& defaults);

// Guesses: this host's full name and the domain it is in.
Settings default_settings();

}  // namespace waxwing::configure
