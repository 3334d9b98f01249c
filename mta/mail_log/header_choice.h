// log_header.opt: which header fields go into the log where a channel has logheader. See mail_log(5).
//
//   Subject: MAXIMUM=1          at most one; 0 or nothing: all; -1: none
//   Defaults: MAXIMUM=-1        fields that are not named
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/strings.h"

namespace waxwing::mta::mail_log {

class HeaderChoice {
 public:
  // Lines that are understood in no way are told of in notes.
  static HeaderChoice parse(std::string_view text, std::vector<std::string>* notes = nullptr);
  // Fields of a header block that were chosen, unfolded, in their order; at most 100, of 1000 bytes each.
  std::vector<std::pair<std::string, std::string>> choose(std::string_view header) const;

 private:
  std::unordered_map<std::string, std::int64_t, CaseBlindHash, CaseBlindEqual> most_;
  std::int64_t others_ = -1;
};

}  // namespace waxwing::mta::mail_log
