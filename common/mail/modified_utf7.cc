#include "common/mail/modified_utf7.h"

#include <array>
#include <cstdint>

#include "common/base/strings.h"

namespace waxwing::mail {

namespace {

constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

constexpr auto kValue = [] {
  std::array<signed char, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    table[static_cast<unsigned char>(kDigits[i])] = static_cast<signed char>(i);
  return table;
}();

bool is_direct(char c) {
  return c >= ' ' && c <= '~';
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&](unsigned shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    tail(12), tail(6), tail(0);
  }
}

// Decodes one shifted run (what stands between "&" and "-"); false when it breaks a rule.
bool decode_run(std::string_view run, std::string& out) {
  std::uint32_t bits = 0, unit_bits = 0, high = 0;
  for (const char c : run) {
    const int value = kValue[static_cast<unsigned char>(c)];
    if (value < 0) return false;
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFF;
    unit_bits += 6;
    if (unit_bits < 16) continue;
    unit_bits -= 16;
    const std::uint32_t unit = bits >> unit_bits & 0xFFFF;
    const bool is_high = unit >= 0xD800 && unit < 0xDC00, is_low = unit >= 0xDC00 && unit < 0xE000;
    if ((high != 0) != is_low) return false;
    if (is_high) {
      high = unit;
    } else if (is_low) {
      append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (unit - 0xDC00));
      high = 0;
    } else {
      if (unit < 0x80 && is_direct(static_cast<char>(unit))) return false;  // needed no shift
      append_utf8(out, unit);
    }
  }
  return high == 0 && unit_bits < 6 && (bits & ((1U << unit_bits) - 1)) == 0;
}

// The code point at the front of valid UTF-8, which is taken off.
std::uint32_t take_point(std::string_view& text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto first = byte(0);
  const std::size_t length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t point = length == 1 ? first : first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3F);
  text.remove_prefix(length);
  return point;
}

// Gathers 16-bit units into modified base64.
class RunWriter {
 public:
  explicit RunWriter(std::string& out) : out_(out) {}
  void add(std::uint32_t point) {
    if (!open_) out_ += '&';
    open_ = true;
    if (point >= 0x10000) {
      unit(0xD800 + ((point - 0x10000) >> 10));
      unit(0xDC00 + ((point - 0x10000) & 0x3FF));
    } else {
      unit(point);
    }
  }
  void close() {
    if (!open_) return;
    if (count_ > 0) out_ += kDigits[bits_ << (6 - count_) & 63];
    out_ += '-';
    bits_ = count_ = 0;
    open_ = false;
  }

 private:
  void unit(std::uint32_t value) {
    bits_ = bits_ << 16 | value;
    count_ += 16;
    while (count_ >= 6) {
      count_ -= 6;
      out_ += kDigits[bits_ >> count_ & 63];
    }
    bits_ &= (1U << count_) - 1;
  }
  std::string& out_;
  std::uint32_t bits_ = 0, count_ = 0;
  bool open_ = false;
};

}  // namespace

std::optional<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  bool after_run = false;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c != '&') {
      if (!is_direct(c)) return std::nullopt;
      out += c;
      ++at;
      after_run = false;
      continue;
    }
    const auto end = text.find('-', at);
    if (end == std::string_view::npos) return std::nullopt;
    const auto run = text.substr(at + 1, end - at - 1);
    if (run.empty()) {
      out += '&';
    } else if (after_run || !decode_run(run, out)) {
      return std::nullopt;
    }
    after_run = !run.empty();
    at = end + 1;
  }
  return out;
}

std::optional<std::string> to_modified_utf7(std::string_view utf8) {
  if (!is_utf8(utf8)) return std::nullopt;
  std::string out;
  RunWriter run(out);
  while (!utf8.empty()) {
    const auto point = take_point(utf8);
    if (point >= 0x80 || !is_direct(static_cast<char>(point))) {
      run.add(point);
      continue;
    }
    run.close();
    out += static_cast<char>(point);
    if (point == '&') out += '-';
  }
  run.close();
  return out;
}

}  // namespace waxwing::mail
