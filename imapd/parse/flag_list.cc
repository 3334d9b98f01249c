#include "imapd/parse/flag_list.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {

struct Named {
  std::string_view name;
  unsigned bit;
};
constexpr Named kSystem[] = {{"\\Answered", Flags::answered},
                             {"\\Flagged", Flags::flagged},
                             {"\\Deleted", Flags::deleted},
                             {"\\Seen", Flags::seen},
                             {"\\Draft", Flags::draft}};
constexpr std::size_t kMaxKeywordBytes = 255;

Result<> one_flag(Scanner& in, Flags& flags) {
  const bool backslash = in.take('\\');
  TRY(const auto word, in.atom());
  if (backslash) {
    const auto bit = system_flag("\\" + std::string(word));
    if (bit == 0 && !iequals(word, "Recent")) return permanent("unknown flag \\" + printable(word, 40));
    flags.system |= bit;
    return {};
  }
  if (word.size() > kMaxKeywordBytes) return permanent("a keyword is longer than 255 bytes");
  const auto same = [&](const std::string& known) { return iequals(known, word); };
  if (std::ranges::none_of(flags.keywords, same)) flags.keywords.emplace_back(word);
  return {};
}

Result<Flags> flags_until(Scanner& in, std::size_t max_flags, bool parenthesized) {
  Flags flags;
  if (parenthesized && in.take(')')) return flags;
  std::size_t count = 0;
  do {
    if (++count > max_flags) return permanent("too many flags");
    TRY_VOID(one_flag(in, flags));
  } while (in.take(' ') && !in.at_end());
  if (parenthesized) TRY_VOID(in.expect(')'));
  return flags;
}

}  // namespace

unsigned system_flag(std::string_view name) {
  for (const auto& known : kSystem)
    if (iequals(known.name, name)) return known.bit;
  return 0;
}

void append_system_flags(std::string& out, unsigned system) {
  for (const auto& known : kSystem) {
    if (!(system & known.bit)) continue;
    if (!out.ends_with('(')) out += ' ';
    out += known.name;
  }
}

Result<Flags> parse_flag_list(Scanner& in, std::size_t max_flags) {
  TRY_VOID(in.expect('('));
  return flags_until(in, max_flags, true);
}

Result<Flags> parse_flags(Scanner& in, std::size_t max_flags) {
  if (in.peek() == '(') return parse_flag_list(in, max_flags);
  return flags_until(in, max_flags, false);
}

}  // namespace waxwing::imap
