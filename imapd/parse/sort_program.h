// What follows SORT and THREAD: RFC 5256 §5, SORT RETURN (RFC 5267 §3), SORT=DISPLAY (RFC 5957).
#pragma once

#include <vector>

#include "imapd/parse/search_key.h"

namespace waxwing::imap {

struct SortKey {
  enum class Kind { arrival, cc, date, from, size, subject, to, display_from, display_to };
  Kind kind = Kind::arrival;
  bool reverse = false;
  friend bool operator==(const SortKey&, const SortKey&) = default;
};

struct SortProgram {
  std::vector<SortKey> keys;  // most important first, each kind once
  SearchProgram search;       // with RETURN's options and the charset
};

enum class ThreadAlgorithm { references, ordered_subject };
struct ThreadProgram {
  ThreadAlgorithm algorithm = ThreadAlgorithm::references;
  SearchProgram search;
};

// Everything after "SORT " or "THREAD ".
Result<SortProgram> parse_sort(Scanner& in, const SearchLimits& limits = {});
Result<ThreadProgram> parse_thread(Scanner& in, const SearchLimits& limits = {});

}  // namespace waxwing::imap
