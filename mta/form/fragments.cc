#include "mta/form/fragments.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/seven_bit.h"

namespace waxwing::mta::form {

namespace {

constexpr std::uint64_t kLeastBytes = 1024;  // a limit below would make more headers than text
constexpr std::size_t kMostFragments = 10000;

// Fields of the message itself, not of its copies around the pieces.
bool is_inner(std::string_view name) {
  return istarts_with(name, "Content-") || iequals(name, "Subject") || iequals(name, "Message-ID") ||
         iequals(name, "Encrypted") || iequals(name, "MIME-Version");
}

bool over(std::uint64_t bytes, std::uint64_t lines, const FragmentLimits& limits) {
  return (limits.max_bytes && bytes > std::max(limits.max_bytes, kLeastBytes)) ||
         (limits.max_lines && lines > limits.max_lines);
}

// Whole lines, each piece within the limits; a line that is longer than a piece is one.
std::vector<std::string_view> pieces_of(std::string_view text, const FragmentLimits& limits) {
  std::vector<std::string_view> pieces;
  std::uint64_t bytes = 0, lines = 0;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text.find('\n', at);
    const auto next = end == text.npos ? text.size() : end + 1;
    if (at > begin && over(bytes + next - at, lines + 1, limits)) {
      pieces.push_back(text.substr(begin, at - begin));
      begin = at;
      bytes = lines = 0;
    }
    bytes += next - at;
    ++lines;
    at = next;
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

}  // namespace

std::vector<std::string> fragments(std::string_view message, const FragmentLimits& limits,
                                   std::string_view host) {
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(message, '\n'));
  if (!over(message.size(), lines, limits)) return {};
  mail::SevenBitForm narrow;
  if (mail::has_eight_bit(message)) {
    narrow = mail::to_seven_bit(message);
    if (!narrow.possible || mail::has_eight_bit(narrow.message)) return {};
    message = narrow.message;
  }
  const auto block = mail::HeaderBlock::scan(message, {.max_bytes = message.size() + 1, .max_fields = 20000});
  std::string outer, inner, subject;
  for (const auto& field : block.fields()) {
    (is_inner(field.name) ? inner : outer) += field.raw;
    if (iequals(field.name, "Subject")) subject = field.raw;
  }
  const auto whole = inner + "\r\n" + std::string(message.substr(block.size()));
  const auto pieces = pieces_of(whole, limits);
  if (pieces.size() < 2 || pieces.size() > kMostFragments) return {};
  const auto id = unique_id();
  std::vector<std::string> made;
  for (std::size_t i = 0; i < pieces.size(); ++i)
    made.push_back(
        outer + subject +
        fmt::format("Message-ID: <{}.{}@{}>\r\nMIME-Version: 1.0\r\nContent-Type: message/partial; "
                    "id=\"{}@{}\";\r\n number={}; total={}\r\n\r\n",
                    id, i + 1, host, id, host, i + 1, pieces.size()) +
        std::string(pieces[i]));
  return made;
}

}  // namespace waxwing::mta::form
