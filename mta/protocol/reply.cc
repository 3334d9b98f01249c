#include "mta/protocol/reply.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "common/base/strings.h"

namespace waxwing::mta::protocol {

namespace {
// Eight bytes at a time; may be true for what only has bytes above 0x7f, too.
bool has_control(std::string_view bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x80 * kOnes;
  for (; bytes.size() >= sizeof kOnes; bytes.remove_prefix(sizeof kOnes)) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data(), sizeof eight);
    if (((eight | (eight + kOnes) | (eight - 0x20 * kOnes)) & kHigh) != 0) return true;
  }
  return std::ranges::any_of(bytes, [](unsigned char c) { return c < ' ' || c >= 0x7f; });
}
}  // namespace

// RFC 5321 §4.5.3.1.5: a line of text that is longer goes on in the next line of the reply.
std::string format_reply(const Verdict& verdict) {
  constexpr std::size_t kMostLineBytes = 510;  // without CRLF
  std::string prefix = std::to_string(verdict.code);
  const auto mark = prefix.size();
  prefix += '-';
  if (!verdict.status.empty()) prefix.append(verdict.status).append(" ");
  const auto room = kMostLineBytes - prefix.size();
  std::string out;
  std::string_view rest = verdict.text;
  out.reserve(rest.size() +
              (prefix.size() + 2) * (1 + static_cast<std::size_t>(std::ranges::count(rest, '\n'))));
  for (bool last = false; !last;) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto count = std::min(end, room);
    const auto is_inside_character = [&] { return (static_cast<unsigned char>(rest[count]) & 0xc0) == 0x80; };
    if (count < end)
      for (int back = 0; back < 3 && is_inside_character(); ++back) --count;
    last = count == rest.size();
    if (last) prefix[mark] = ' ';
    out.append(prefix);
    const auto begin = static_cast<std::ptrdiff_t>(out.size());
    out.append(rest.substr(0, count));
    if (has_control(rest.substr(0, count)))
      std::replace_if(
          out.begin() + begin, out.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
    out.append("\r\n");
    rest.remove_prefix(count + (count == end && !last ? 1 : 0));
  }
  return out;
}

Result<bool> ReplyReader::feed(std::string_view line, std::size_t max_bytes) {
  if (done_) *this = ReplyReader();
  const auto code = line.size() >= 3 ? to_number<int>(line.substr(0, 3)) : std::nullopt;
  const char mark = line.size() > 3 ? line[3] : ' ';
  if (!code || *code < 200 || *code > 599 || (mark != ' ' && mark != '-'))
    return permanent("not an SMTP reply: " + printable(line, 120));
  if (code_ && *code != code_)
    return permanent("reply code changes within one reply: " + printable(line, 120));
  if (text_.size() + line.size() > max_bytes)
    return permanent("reply is longer than " + std::to_string(max_bytes) + " bytes");
  if (code_) text_.push_back('\n');
  code_ = *code;
  if (line.size() > 4) text_.append(line.substr(4));
  done_ = mark == ' ';
  return done_;
}

std::string_view leading_status(std::string_view text) {
  std::size_t at = 0;
  for (int part = 0; part < 3; ++part) {
    const auto begin = at;
    while (at < text.size() && is_digit(text[at])) ++at;
    if (at == begin || at - begin > 3 || (part == 0 && at - begin != 1)) return {};
    if (part < 2 && (at >= text.size() || text[at++] != '.')) return {};
  }
  if (at < text.size() && text[at] != ' ') return {};
  return text.substr(0, at);
}

Verdict ReplyReader::take() {
  Verdict verdict{code_, fmt::format("{}.0.0", code_ / 100), text_};
  if (const auto status = leading_status(text_); !status.empty() && status[0] - '0' == code_ / 100)
    verdict.status = status;
  *this = ReplyReader();
  return verdict;
}

}  // namespace waxwing::mta::protocol
