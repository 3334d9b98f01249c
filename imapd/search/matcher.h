// Does a message match a SEARCH program? RFC 9051 §6.4.4.
//
// Two passes: from the index and the cache alone, inline, and for what is then still open with the message's
// text, on a worker. Strings match as substrings after decoding and Unicode case folding, so "strasse"
// finds "Straße" in an encoded header.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/search_key.h"
#include "store/mailbox.h"

namespace waxwing::imap {

enum class Verdict : unsigned char { no, yes, open };

// What a message is judged by. cached may be null: header keys are then open.
struct Candidate {
  std::uint32_t sequence = 0;
  bool recent = false;
  store::MessageInfo info;
  const store::CachedMessage* cached = nullptr;
};

class Matcher {
 public:
  // Brings needles to their folded form, resolves keywords and sets. Permanent error: [BADCHARSET] with the
  // charset. saved: UIDs that "$" stands for. largest_*: what * stands for.
  struct Context {
    std::vector<std::string> keywords;  // of the mailbox, by bit
    std::uint32_t exists = 0;
    std::uint32_t largest_uid = 0;
    std::vector<Range> saved;
    std::int64_t now = 0;  // seconds
    std::size_t max_part_bytes = 16 << 20;
  };
  static Result<Matcher> prepare(const SearchProgram& program, Context context);

  // Never blocks, and is done soon: what would take long is left open.
  Verdict match(const Candidate& candidate) const;
  // Reads the message as far as it must; blocks. A message that is gone does not match.
  Result<bool> match_with_text(const Candidate& candidate, store::Mailbox& mailbox) const;
  // Some key looks at headers: candidates should bring their cache entry.
  bool uses_headers() const { return uses_headers_; }

 private:
  struct Test;  // a key, made ready
  class Text;   // the message's bytes, read when first wanted

  Result<Test> ready(const SearchKey& key, const std::string& charset);
  Verdict judge(const Test& test, const Candidate& candidate, Text* text) const;
  Verdict judge_list(const Test& test, const Candidate& candidate, Text* text) const;
  Verdict judge_header(const Test& test, const Candidate& candidate, Text* text) const;
  Verdict judge_sent(const Test& test, const Candidate& candidate, Text* text) const;
  static bool judge_index(const Test& test, const Candidate& candidate);
  bool takes_long(const Candidate& candidate) const;

  std::shared_ptr<const Test> root_;
  Context context_;
  bool uses_headers_ = false;
  std::size_t header_tests_ = 0;
};

}  // namespace waxwing::imap
