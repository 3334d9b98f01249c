// A message as programs and files of this system want it: bare LF at the ends of lines. A piece at a time.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::channels {

class LocalForm {
 public:
  std::string take(std::string_view piece);
  std::string end();  // what the last piece left open

 private:
  bool cr_ = false;  // the last byte was a CR whose fate is open
};

// For an mbox: a line that begins with "From ", behind any number of '>', gets one '>' more. Reads local form.
class FromQuoter {
 public:
  std::string take(std::string_view piece);
  std::string end();

 private:
  bool at_start_ = true;  // of a line, but for '>'
  std::string held_;      // the beginning of "From "
};

}  // namespace waxwing::channels
