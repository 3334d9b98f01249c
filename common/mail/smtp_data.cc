#include "common/mail/smtp_data.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace waxwing::mail {

namespace {

bool is_8bit(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}

constexpr std::uint64_t kOnes = 0x0101010101010101, kHighBits = 0x8080808080808080;

// The high bit of each of the eight bytes that is zero. May be set too for 0x01 behind such a one: the lowest is
// right.
constexpr std::uint64_t zero_byte(std::uint64_t eight) {
  return (eight - kOnes) & ~eight & kHighBits;
}

using Sixteen = unsigned char __attribute__((vector_size(16)));

std::uint64_t folded(Sixteen bytes) {
  std::uint64_t halves[2];
  std::memcpy(halves, &bytes, sizeof halves);
  return halves[0] | halves[1];
}

// Bytes in front of the next CR or LF, with what they hold noted. Sixteen, then eight at a time: every byte
// of every message comes through here.
std::size_t plain_run(std::string_view text, bool& eight_bit) {
  std::size_t size = 0;
#ifdef __SSE2__
  const auto cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');
  auto any_byte = _mm_setzero_si128();
  for (; size + 16 <= text.size(); size += 16) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text.data() + size));
    const auto ends = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf))));
    if (ends != 0) {
      const auto before = static_cast<unsigned>(std::countr_zero(ends));
      const auto high = static_cast<unsigned>(_mm_movemask_epi8(bytes)) & ((1U << before) - 1);
      eight_bit = eight_bit || high != 0 || _mm_movemask_epi8(any_byte) != 0;
      return size + before;
    }
    any_byte = _mm_or_si128(any_byte, bytes);
  }
  eight_bit = eight_bit || _mm_movemask_epi8(any_byte) != 0;
#endif
  Sixteen any_sixteen{};
  for (Sixteen sixteen; size + sizeof sixteen <= text.size(); size += sizeof sixteen) {
    std::memcpy(&sixteen, text.data() + size, sizeof sixteen);
    if (folded((sixteen == '\r') | (sixteen == '\n')) != 0) break;
    any_sixteen |= sixteen;
  }
  std::uint64_t any_eight = folded(any_sixteen);
  for (std::uint64_t eight = 0; size + sizeof eight <= text.size(); size += sizeof eight) {
    std::memcpy(&eight, text.data() + size, sizeof eight);
    const auto ends = zero_byte(eight ^ kOnes * '\r') | zero_byte(eight ^ kOnes * '\n');
    if (ends != 0) {
      if constexpr (std::endian::native != std::endian::little) break;
      const auto before = static_cast<unsigned>(std::countr_zero(ends)) / 8;
      any_eight |= eight & ((std::uint64_t{1} << 8 * before) - 1);
      eight_bit = eight_bit || (any_eight & kHighBits) != 0;
      return size + before;
    }
    any_eight |= eight;
  }
  unsigned char any = (any_eight & kHighBits) != 0 ? 0x80 : 0;
  for (; size < text.size() && text[size] != '\r' && text[size] != '\n'; ++size)
    any |= static_cast<unsigned char>(text[size]);
  eight_bit = eight_bit || any >= 0x80;
  return size;
}

}  // namespace

// Past the lines that stay as they are: up to a dot at the beginning of one, or an end that is not CRLF.
std::size_t DataDecoder::whole_lines(std::string_view input, std::size_t at) {
  for (;;) {
    const auto size = plain_run(input.substr(at), eight_bit_);
    line_bytes_ += size;
    at += size;
    if (input.size() - at < 2 || input[at] != '\r' || input[at + 1] != '\n') return at;
    at += 2;
    longest_line_ = std::max(longest_line_, line_bytes_);
    line_bytes_ = 0;
    if (at == input.size() || input[at] == '.' || input[at] == '\r' || input[at] == '\n') {
      state_ = State::line_start;
      return at;
    }
  }
}

std::size_t DataDecoder::feed(std::string_view input, std::string& out) {
  std::size_t at = 0;
  out.reserve(out.size() + input.size());
  while (at < input.size() && state_ != State::done) {
    if (state_ == State::line_start && input[at] != '.' && input[at] != '\r' && input[at] != '\n')
      state_ = State::text;
    if (state_ == State::text) {
      const auto begin = at;
      at = whole_lines(input, at);
      out.append(input, begin, at - begin);
      offset_ += static_cast<std::int64_t>(at - begin);
      if (at == input.size()) break;
      if (state_ == State::line_start) continue;
    }
    step(input[at++], out);
    ++offset_;
  }
  return at;
}

void DataDecoder::step(char c, std::string& out) {
  switch (state_) {
    case State::line_start:
      if (c == '.') {
        state_ = State::dot;  // a transparency dot or the end: dropped either way
        return;
      }
      break;
    case State::dot:
      if (c == '\r') {
        state_ = State::dot_cr;
        return;
      }
      break;
    case State::cr:
      return after_cr(c, out, false);
    case State::dot_cr:
      return after_cr(c, out, true);
    case State::text:
    case State::done:
      break;
  }
  put(c, out);
}

// c was no part of a line end that is being read: text, a CR that may begin one, or a bare LF.
void DataDecoder::put(char c, std::string& out) {
  if (c == '\r') {
    state_ = State::cr;
  } else if (c == '\n') {
    bare(bare_lf_, offset_, c, out);
  } else {
    state_ = State::text;
    out += c;
    ++line_bytes_;
    eight_bit_ = eight_bit_ || is_8bit(c);
  }
}

void DataDecoder::after_cr(char c, std::string& out, bool after_dot) {
  if (c == '\n') {
    if (after_dot) {
      state_ = State::done;
    } else {
      line_break(out);
    }
    return;
  }
  bare(bare_cr_, offset_ - 1, '\r', out);
  // Whatever the output says, no line of the peer's has begun: a dot here is text.
  state_ = State::text;
  put(c, out);
}

void DataDecoder::line_break(std::string& out) {
  out += "\r\n";
  longest_line_ = std::max(longest_line_, line_bytes_);
  line_bytes_ = 0;
  state_ = State::line_start;
}

// A CR or LF that stands alone. It never makes the next byte the first of a line.
void DataDecoder::bare(std::int64_t& first, std::int64_t at, char c, std::string& out) {
  if (first < 0) first = at;
  if (policy_ == BareEnds::repair) {
    line_break(out);
  } else {
    out += c;
    ++line_bytes_;
  }
  state_ = State::text;
}

void LineChecker::feed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); ++at, ++offset_) {
    if (!cr_) {
      const auto size = plain_run(bytes.substr(at), eight_bit_);
      at += size;
      offset_ += static_cast<std::int64_t>(size);
      line_bytes_ += size;
      if (at == bytes.size()) return;
    }
    const char c = bytes[at];
    if (c == '\n') {
      longest_line_ = std::max(longest_line_, line_bytes_);
      line_bytes_ = 0;
    } else if (c != '\r') {
      ++line_bytes_;
    }
    if (cr_ && c != '\n' && bare_cr_ < 0) bare_cr_ = offset_ - 1;
    if (!cr_ && c == '\n' && bare_lf_ < 0) bare_lf_ = offset_;
    cr_ = c == '\r';
    eight_bit_ = eight_bit_ || is_8bit(c);
  }
}

void LineChecker::finish() {
  longest_line_ = std::max(longest_line_, line_bytes_);
  if (cr_ && bare_cr_ < 0) bare_cr_ = offset_ - 1;
}

void CrlfLines::feed(std::string_view text, std::string& out) {
  if (after_cr_ && !text.empty()) {
    after_cr_ = false;
    if (text.front() == '\n') text.remove_prefix(1);
  }
  // Both are looked for anew only when they have been passed, so that text of one kind is scanned once.
  auto cr = text.find('\r'), lf = text.find('\n');
  for (std::size_t at = 0; at < text.size();) {
    const auto end = std::min({cr, lf, text.size()});
    out.append(text, at, end - at);
    if (end == text.size()) return;
    out.append("\r\n");
    const bool pair = end == cr && lf == cr + 1;
    at = end + (pair ? 2 : 1);
    after_cr_ = end == cr && at == text.size() && !pair;
    if (cr < at) cr = text.find('\r', at);
    if (lf < at) lf = text.find('\n', at);
  }
}

void DotStuffer::feed(std::string_view message, std::string& out) {
  while (!message.empty()) {
    if (at_line_start_ && message.front() == '.') out += '.';
    // Only CRLF starts a line, and the CR may have come with the piece before.
    std::size_t end = 0;
    for (;;) {
      end = message.find('\n', end);
      if (end == std::string_view::npos) break;
      if (end == 0 ? last_was_cr_ : message[end - 1] == '\r') break;
      ++end;
    }
    at_line_start_ = end != std::string_view::npos;
    const auto size = at_line_start_ ? end + 1 : message.size();
    out += message.substr(0, size);
    last_was_cr_ = message[size - 1] == '\r';
    message.remove_prefix(size);
  }
}

void DotStuffer::finish(std::string& out) {
  out += at_line_start_ ? ".\r\n" : "\r\n.\r\n";
  *this = DotStuffer();
}

}  // namespace waxwing::mail
