#include "imapd/search/text_scan.h"

#include <string.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/charset.h"
#include "common/mail/header.h"
#include "common/mail/parameters.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kPiece = 128 << 10;      // raw bytes
constexpr std::size_t kLongestLine = 1 << 20;  // what is longer is cut anywhere

// Back from the end to where no UTF-8 character can be split.
std::size_t character_cut(std::string_view text) {
  auto cut = text.size();
  for (int back = 0; back < 4 && cut > 1; ++back) {
    const auto c = static_cast<unsigned char>(text[cut - 1]);
    if (c < 0x80) break;
    --cut;
    if (c >= 0xC0) break;
  }
  return cut;
}

bool holds(std::string_view text, std::string_view needle) {
  return ::memmem(text.data(), text.size(), needle.data(), needle.size()) != nullptr;
}

// Characters of these may hold a line end's byte: their text is not cut at one.
bool is_wide(std::string_view charset) {
  return istarts_with(charset, "utf-16") || istarts_with(charset, "utf-32") ||
         istarts_with(charset, "iso-10646");
}

}  // namespace

bool value_contains(std::string_view value, std::string_view needle) {
  return needle.empty() || holds(mail::fold_for_search(mail::decoded_text(value)), needle);
}

TextScan::TextScan(store::MessageBytes file, std::span<const TextNeedle> needles, std::size_t max_part_bytes)
    : file_(std::move(file)),
      needles_(needles),
      max_part_bytes_(max_part_bytes),
      found_(needles.size()),
      missing_(needles.size()) {
  std::size_t longest = 1;
  for (std::size_t n = 0; n < needles.size(); ++n) {
    longest = std::max(longest, needles[n].text.size());
    if (!needles[n].text.empty()) continue;
    found_[n] = true;
    --missing_;
  }
  overlap_ = longest - 1;
  done_ = missing_ == 0;
}

Result<std::unique_ptr<TextScan>> TextScan::open(store::Mailbox& mailbox, const store::MessageInfo& info,
                                                 std::span<const TextNeedle> needles,
                                                 std::size_t max_part_bytes) {
  TRY(auto file, mailbox.open_message(info));
  std::unique_ptr<TextScan> scan(new TextScan(std::move(file), needles, max_part_bytes));
  TRY(scan->mapped_, MappedMessage::map(scan->file_));
  return scan;
}

bool TextScan::step(std::int64_t until_ms) {
  const auto& mime = mapped_->mime();
  do {
    if (!header_seen_) {
      header_seen_ = true;
      if (std::ranges::any_of(needles_, &TextNeedle::with_header)) look_in_header(mime.header, true);
    } else if (in_part_) {
      in_part_ = look_in_piece();
      if (!in_part_) ++part_;
    } else if (part_ < mime.parts.size()) {
      begin_part();
    } else {
      done_ = true;
    }
    done_ = done_ || missing_ == 0;
  } while (!done_ && monotonic_ms() < until_ms);
  return done_;
}

void TextScan::look_in(std::string_view folded, bool own_header) {
  for (std::size_t n = 0; n < needles_.size(); ++n) {
    if (found_[n] || (own_header && !needles_[n].with_header) || !holds(folded, needles_[n].text)) continue;
    found_[n] = true;
    --missing_;
  }
}

void TextScan::look_in_header(const mail::HeaderBlock& header, bool own_header) {
  for (const auto& field : header.fields()) {
    look_in(mail::fold_for_search(std::string(field.name) + ": "), own_header);
    look_in(mail::fold_for_search(mail::decoded_text(field.value)), own_header);
  }
}

// The headers of nested messages and parts, then the text of those that are text.
void TextScan::begin_part() {
  const auto& mime = mapped_->mime();
  const auto& part = mime.parts[part_];
  if (part_ > 0) look_in_header(mail::HeaderBlock::scan(mime.header_of(part)), false);
  if (part.kind != mail::MimePart::Kind::leaf || !part.is("text", "*")) {
    ++part_;
    return;
  }
  in_part_ = true;
  raw_ = mime.body_of(part);
  decoder_ = PieceDecoder(part.encoding);
  charset_ = mail::parse_parameters(part.content_type).get("charset");
  if (charset_.empty()) charset_ = "us-ascii";
  pending_.clear();
  tail_.clear();
  seen_ = 0;
}

bool TextScan::look_in_piece() {
  const auto raw = raw_.substr(0, kPiece);
  raw_.remove_prefix(raw.size());
  const bool identity = is_identity(mapped_->mime().parts[part_].encoding);
  // A part of one piece, which most are, is not copied.
  if (identity && raw_.empty() && pending_.empty()) {
    piece_done(raw.substr(0, max_part_bytes_ - seen_));
    return false;
  }
  pending_ += identity ? std::string(raw) : decoder_.feed(raw, raw_.empty());
  const bool last = raw_.empty() || seen_ + pending_.size() >= max_part_bytes_;
  auto cut = pending_.size();
  if (last) {
    cut = std::min(cut, max_part_bytes_ - seen_);
  } else if (is_wide(charset_)) {
    return true;
  } else if (const auto line_end = pending_.rfind('\n'); line_end != std::string::npos) {
    cut = line_end + 1;
  } else if (cut < kLongestLine) {
    return true;
  } else {
    cut = character_cut(pending_);
  }
  piece_done(std::string_view(pending_).substr(0, cut));
  pending_.erase(0, cut);
  return !last;
}

void TextScan::piece_done(std::string_view decoded) {
  seen_ += decoded.size();
  auto folded = std::move(tail_) + mail::fold_for_search(mail::to_utf8_or_guess(decoded, charset_));
  look_in(folded, false);
  tail_ = folded.substr(folded.size() - std::min(folded.size(), overlap_));
}

}  // namespace waxwing::imap
