#include "imapd/parse/name_pattern.h"

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {

constexpr std::string_view kInbox = "INBOX";
constexpr std::size_t kBits = 64;

bool is_wild(char c) {
  return c == '*' || c == '%';
}

}  // namespace

NamePattern::NamePattern(std::string_view pattern)
    : literal_(1), is_inbox_(iequals(pattern, kInbox)), ends_in_percent_(pattern.ends_with('%')) {
  std::size_t most = pattern.size() / kBits + 1;
  any_.resize(most);
  any_in_level_.resize(most);
  literal_[0].resize(most);
  for (std::size_t at = 0; at < pattern.size();) {
    // A row of wildcards says no more than one.
    bool star = false, wild = false;
    for (; at < pattern.size() && is_wild(pattern[at]); ++at) {
      wild = true;
      star |= pattern[at] == '*';
    }
    if (wild)
      add(star ? '*' : '%');
    else
      add(pattern[at++]);
  }
}

void NamePattern::add(char c) {
  const auto word = size_ / kBits;
  const auto bit = Word{1} << (size_++ % kBits);
  if (is_wild(c)) {
    (c == '*' ? any_ : any_in_level_)[word] |= bit;
    return;
  }
  ++literals_;
  auto& row = row_[static_cast<unsigned char>(c)];
  if (row == 0) {
    row = static_cast<std::uint8_t>(literal_.size());
    literal_.emplace_back(any_.size());
  }
  literal_[row][word] |= bit;
}

// A literal leads on to the next place, a wildcard stays where it is; and every wildcard may stand for
// nothing.
void NamePattern::advance(Places& places, char c) const {
  const auto& literal = literal_[row_[static_cast<unsigned char>(c)]];
  Word carry = 0, empty_carry = 0;
  for (std::size_t n = 0; n < places.size(); ++n) {
    const auto wild = any_[n] | any_in_level_[n];
    const auto moved = places[n] & literal[n];
    const auto stays = places[n] & (c == '/' ? any_[n] : wild);
    auto next = moved << 1 | carry | stays;
    carry = moved >> (kBits - 1);
    const auto empty = next & wild;
    next |= empty << 1 | empty_carry;
    empty_carry = empty >> (kBits - 1);
    places[n] = next;
  }
}

bool NamePattern::matches(std::string_view name) const {
  if (is_inbox_ && name == kInbox) return true;
  if (literals_ > name.size()) return false;
  Places places(any_.size());
  const auto wild = any_[0] | any_in_level_[0];
  places[0] = 1 | (wild & 1) << 1;
  for (const char c : name) advance(places, c);
  return places[size_ / kBits] >> (size_ % kBits) & 1;
}

}  // namespace waxwing::imap
