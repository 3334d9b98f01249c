// What can follow what was typed in an interactive imsimta qm. Pure functions over the usage lines of the
// commands, so that completion knows whatever a usage line shows.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace waxwing::imsimta {

struct Typed {
  std::vector<std::string> words;  // whole ones before the cursor
  std::string begun;               // the word that the cursor stands behind; empty behind a blank
};
Typed split_typed(std::string_view before_cursor);

struct Completion {
  std::vector<std::string> choices;  // whole words that begin with the begun one (case aside), sorted
  std::string common;                // what all of them begin with; empty when there is none
  bool final = false;                // one choice, and a blank belongs behind it
};

// Usage lines: "top [-by=host|age...] [-top=n] [channel]". A word "channel" without a dash, and values of -channel=,
// are names of channels; after "help" names of commands follow. channels is asked only when it matters.
Completion complete_typed(std::string_view before_cursor, const std::vector<std::string>& usages,
                          const std::function<std::vector<std::string>()>& channels);

}  // namespace waxwing::imsimta
