#include "imapd/fetch/decoder.h"

#include "common/base/strings.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::imap {
namespace {

constexpr std::size_t kMaxHeldLine = 64 * 1024;

bool in_base64_alphabet(char c) {
  return is_alnum(c) || c == '+' || c == '/';
}

// Behind the last line end; an endless line is cut where no code can be split.
std::size_t safe_cut(std::string_view text) {
  const auto newline = text.rfind('\n');
  if (newline != std::string_view::npos) return newline + 1;
  if (text.size() < kMaxHeldLine) return 0;
  auto cut = text.size() - 3;
  while (cut > 1 && (text[cut - 1] == '=' || text[cut - 2] == '=' || is_blank(text[cut - 1]))) --cut;
  return cut;
}

}  // namespace

bool is_identity(mail::TransferEncoding encoding) {
  return encoding == mail::TransferEncoding::seven_bit || encoding == mail::TransferEncoding::eight_bit ||
         encoding == mail::TransferEncoding::binary;
}

std::string PieceDecoder::feed(std::string_view raw, bool last) {
  if (encoding_ == mail::TransferEncoding::base64) return base64(raw, last);
  if (encoding_ == mail::TransferEncoding::quoted_printable) return quoted_printable(raw, last);
  return std::string(raw);
}

std::string PieceDecoder::base64(std::string_view raw, bool last) {
  for (const char c : raw) {
    if (ended_) break;
    if (c == '=') ended_ = true;
    if (in_base64_alphabet(c)) held_ += c;
  }
  auto whole = held_.size();
  if (!last && !ended_) whole -= whole % 4;
  auto decoded = mail::decode_base64(std::string_view(held_).substr(0, whole)).bytes;
  held_.erase(0, whole);
  return decoded;
}

std::string PieceDecoder::quoted_printable(std::string_view raw, bool last) {
  held_.append(raw);
  const auto cut = last ? held_.size() : safe_cut(held_);
  auto decoded = mail::decode_quoted_printable(std::string_view(held_).substr(0, cut)).bytes;
  held_.erase(0, cut);
  return decoded;
}

}  // namespace waxwing::imap
