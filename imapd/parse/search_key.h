// SEARCH programs: RFC 9051 §6.4.4, RFC 3501 §6.4.4, ESEARCH (RFC 4731), SEARCHRES (RFC 5182), CONDSTORE
// (RFC 7162), WITHIN (RFC 5032), OBJECTID (RFC 8474). The parser builds a tree; no mailbox is touched here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/scanner.h"
#include "imapd/parse/sequence_set.h"

namespace waxwing::imap {

struct SearchKey {
  enum class Kind {
    all,
    both,       // children, all of them
    either,     // children, two
    negated,    // children, one
    sequence,   // set of message numbers
    uid,        // set of UIDs
    flag,       // text: "\Seen" or a keyword
    is_recent,  // RECENT
    before,     // number: day, internal date earlier than it
    on,
    since,
    sent_before,
    sent_on,
    sent_since,
    larger,  // number: bytes
    smaller,
    modseq,   // number: at least
    younger,  // number: seconds
    older,
    email_id,  // text
    thread_id,
    header,  // field, text
    body,    // text
    text,    // text
  };
  Kind kind = Kind::all;
  std::string field;  // header name
  std::string text;   // needle, in the charset of the command
  std::int64_t number = 0;
  SequenceSet set;
  std::vector<SearchKey> children;

  // True when some key needs more than the index and the cache: message text.
  bool needs_message() const;
  bool uses_modseq() const;
  // Keys inside the tree, itself included.
  std::size_t count() const;
};

struct SearchProgram {
  SearchKey root;
  std::string charset = "US-ASCII";  // as given
  bool has_charset = false;
  // RETURN (...); all false without it. `extended` is set by RETURN itself.
  bool extended = false;
  bool wants_min = false, wants_max = false, wants_all = false, wants_count = false, wants_save = false;
};

struct SearchLimits {
  unsigned depth = 50;
  std::size_t keys = 2000;
  std::size_t text_keys = 100;  // BODY and TEXT: each reads and decodes the message anew
};

// Everything after "SEARCH ".
Result<SearchProgram> parse_search(Scanner& in, const SearchLimits& limits = {});

// For SORT and THREAD. "RETURN" has been taken: " (MIN COUNT) ".
Result<> parse_return_options(Scanner& in, SearchProgram& program);
// "UTF-8 UNSEEN SUBJECT x", to the end.
Result<> parse_charset_and_keys(Scanner& in, SearchProgram& program, const SearchLimits& limits);

}  // namespace waxwing::imap
