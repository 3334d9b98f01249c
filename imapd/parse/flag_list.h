// Flags and keywords as clients write them: RFC 9051 §2.3.2, §9 flag-list.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/scanner.h"

namespace waxwing::imap {

struct Flags {
  // Bits of `system`.
  enum : unsigned { answered = 1, flagged = 2, deleted = 4, seen = 8, draft = 16 };
  unsigned system = 0;
  std::vector<std::string> keywords;  // as written, each once (case-blind)
  bool empty() const { return system == 0 && keywords.empty(); }
};

// "(\Seen $Junk)"; \Recent is taken and ignored, other unknown system flags are an error.
Result<Flags> parse_flag_list(Scanner& in, std::size_t max_flags = 128);
// The same without parentheses allowed too: STORE 1 FLAGS \Seen \Deleted.
Result<Flags> parse_flags(Scanner& in, std::size_t max_flags = 128);

// Bit of "\Seen" and its like in any case; 0 for anything else.
unsigned system_flag(std::string_view name);
// Appends "\Answered \Seen" to out, blank-separated; adds the blank between when out does not end in '('.
void append_system_flags(std::string& out, unsigned system);

}  // namespace waxwing::imap
