// Looks for the needles of a SEARCH in one message's text, piece by piece: parts decoded and brought to
// UTF-8, encoded words in headers decoded, everything case-folded. However large the message and however many
// the needles, a step takes milliseconds and memory is one piece.
//
// Everything here blocks and runs on a worker.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "imapd/fetch/decoder.h"
#include "imapd/fetch/mapped_message.h"
#include "store/mailbox.h"

namespace waxwing::imap {

// True when a field's value holds the folded needle; an empty needle is in all of them.
bool value_contains(std::string_view value, std::string_view needle);

struct TextNeedle {
  std::string text;          // folded; empty: every message has it
  bool with_header = false;  // TEXT; BODY leaves the message's own header out
  friend bool operator==(const TextNeedle&, const TextNeedle&) = default;
};

class TextScan {
 public:
  // The needles must outlive the scan. max_part_bytes: how much of each decoded part is looked at.
  static Result<std::unique_ptr<TextScan>> open(store::Mailbox& mailbox, const store::MessageInfo& info,
                                                std::span<const TextNeedle> needles,
                                                std::size_t max_part_bytes);
  // Works on until that moment of monotonic_ms(), at least one piece. True when all is known.
  bool step(std::int64_t until_ms);
  bool done() const { return done_; }
  // What is not found may still be, as long as the scan is not done.
  bool found(std::size_t needle) const { return found_[needle]; }

 private:
  TextScan(store::MessageBytes file, std::span<const TextNeedle> needles, std::size_t max_part_bytes);
  void look_in(std::string_view folded, bool own_header);
  void look_in_header(const mail::HeaderBlock& header, bool own_header);
  void begin_part();
  bool look_in_piece();  // false: the part is done
  void piece_done(std::string_view decoded);

  store::MessageBytes file_;
  std::span<const TextNeedle> needles_;
  std::size_t max_part_bytes_;
  std::unique_ptr<MappedMessage> mapped_;
  std::vector<bool> found_;
  std::size_t missing_ = 0;
  std::size_t overlap_ = 0;  // folded bytes of a piece that a needle may begin in
  bool done_ = false;

  std::size_t part_ = 0;  // in hand, or next
  bool in_part_ = false;
  bool header_seen_ = false;
  // Of the part in hand.
  std::string_view raw_;
  PieceDecoder decoder_{mail::TransferEncoding::binary};
  std::string charset_;
  std::string pending_;  // decoded, waits for a line end
  std::string tail_;     // folded, end of the piece before
  std::size_t seen_ = 0;
};

}  // namespace waxwing::imap
