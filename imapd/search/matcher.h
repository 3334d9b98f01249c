// Does a message match a SEARCH program? RFC 9051 §6.4.4.
//
// Two passes: from the index and the cache alone, inline, and for what is then still open with the message's
// text, on a worker. Strings match as substrings after decoding and Unicode case folding, so "strasse"
// finds "Straße" in an encoded header.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "imapd/parse/search_key.h"
#include "imapd/search/text_scan.h"
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
  // The same with the message's text, for those that were left open.
  class Late;
  // Some key looks at headers: candidates should bring their cache entry.
  bool uses_headers() const { return uses_headers_; }

 private:
  struct Test;  // a key, made ready
  Result<Test> ready(const SearchKey& key, const std::string& charset);
  Verdict judge(const Test& test, const Candidate& candidate, Late* late) const;
  Verdict judge_list(const Test& test, const Candidate& candidate, Late* late) const;
  Verdict judge_header(const Test& test, const Candidate& candidate, Late* late) const;
  Verdict judge_sent(const Test& test, const Candidate& candidate, Late* late) const;
  static bool judge_index(const Test& test, const Candidate& candidate);
  bool takes_long(const Candidate& candidate) const;

  std::shared_ptr<const Test> root_;
  Context context_;
  bool uses_headers_ = false;
  std::size_t header_tests_ = 0;
  std::vector<TextNeedle> needles_;
};

// One message's verdict in steps, each of which reads as far as it must and as long as it may. Matcher,
// mailbox and what the candidate refers to must outlive it. Blocks.
class Matcher::Late {
 public:
  Late(const Matcher& matcher, const Candidate& candidate, store::Mailbox& mailbox)
      : matcher_(matcher), candidate_(candidate), mailbox_(mailbox) {}
  // Until that moment of monotonic_ms(), or some milliseconds longer. open: there is more to do. A message
  // that is gone does not match.
  Result<Verdict> step(std::int64_t until_ms);

 private:
  friend class Matcher;
  const mail::HeaderBlock* header();  // of the file; null when it cannot be read
  // The values of all fields of that name, folded, NUL behind each; empty when there are none. Made once,
  // however many keys ask for it.
  const std::string& field(const std::string& name);
  Verdict verdict_on(std::size_t needle) const;
  Result<Verdict> verdict();

  const Matcher& matcher_;
  const Candidate& candidate_;
  store::Mailbox& mailbox_;
  std::string header_bytes_;
  std::optional<mail::HeaderBlock> header_;
  std::unordered_map<std::string, std::string> fields_;
  std::unique_ptr<TextScan> scan_;
  Result<> failure_;
};

}  // namespace waxwing::imap
