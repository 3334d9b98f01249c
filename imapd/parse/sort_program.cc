#include "imapd/parse/sort_program.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::imap {
namespace {

using Kind = SortKey::Kind;

constexpr struct {
  std::string_view name;
  Kind kind;
} kKinds[] = {
    {"ARRIVAL", Kind::arrival},
    {"CC", Kind::cc},
    {"DATE", Kind::date},
    {"FROM", Kind::from},
    {"SIZE", Kind::size},
    {"SUBJECT", Kind::subject},
    {"TO", Kind::to},
    {"DISPLAYFROM", Kind::display_from},
    {"DISPLAYTO", Kind::display_to},
};

Result<SortKey> sort_key(Scanner& in) {
  SortKey key;
  if (in.take_word("REVERSE")) {
    key.reverse = true;
    TRY_VOID(in.space());
  }
  TRY(const auto name, in.word());
  const auto* found = std::ranges::find_if(kKinds, [&](const auto& row) { return iequals(row.name, name); });
  if (found == std::end(kKinds)) return permanent("unknown sort key " + printable(name, 40));
  key.kind = found->kind;
  return key;
}

// A kind that was named before decides nothing any more.
Result<std::vector<SortKey>> sort_keys(Scanner& in) {
  std::vector<SortKey> keys;
  TRY_VOID(in.expect('('));
  do {
    TRY(const auto key, sort_key(in));
    if (std::ranges::find(keys, key.kind, &SortKey::kind) == keys.end()) keys.push_back(key);
  } while (in.take(' '));
  TRY_VOID(in.expect(')'));
  return keys;
}

}  // namespace

Result<SortProgram> parse_sort(Scanner& in, const SearchLimits& limits) {
  SortProgram program;
  if (in.take_word("RETURN")) TRY_VOID(parse_return_options(in, program.search));
  TRY(program.keys, sort_keys(in));
  TRY_VOID(in.space());
  TRY_VOID(parse_charset_and_keys(in, program.search, limits));
  return program;
}

Result<ThreadProgram> parse_thread(Scanner& in, const SearchLimits& limits) {
  ThreadProgram program;
  TRY(const auto name, in.word());
  if (iequals(name, "ORDEREDSUBJECT"))
    program.algorithm = ThreadAlgorithm::ordered_subject;
  else if (!iequals(name, "REFERENCES"))
    return permanent("unknown threading algorithm " + printable(name, 40));
  TRY_VOID(in.space());
  TRY_VOID(parse_charset_and_keys(in, program.search, limits));
  return program;
}

}  // namespace waxwing::imap
