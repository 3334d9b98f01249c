// name=value words of the command line. Throws std::runtime_error with a sentence for the user.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace waxwing::bench {

class Options {
 public:
  // A name that describe() does not know is refused.
  static Options parse(int argc, char** argv, int first);
  std::string text(const std::string& name) const;  // given, or the default
  std::int64_t number(const std::string& name) const;
  void set(const std::string& name, const std::string& value) { given_[name] = value; }
  static std::string describe();  // a line for each option, with its default

 private:
  std::map<std::string, std::string> given_;
};

// "user%04d" with the number in the place of %0Nd or %d.
std::string with_number(const std::string& pattern, std::int64_t number);

}  // namespace waxwing::bench
