#include "mta/address/list.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/directory/types.h"

namespace waxwing::mta {
namespace {

constexpr std::string_view kMark = "list1";

// "Name: value" on one line; nothing else may get into a header.
bool is_header_line(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos || colon == 0) return false;
  return std::ranges::all_of(line.substr(0, colon), [](unsigned char c) { return c > ' ' && c < 0x7f; }) &&
         std::ranges::none_of(line, [](char c) { return c == '\r' || c == '\n' || c == '\0'; });
}

}  // namespace

std::string ListState::encode() const {
  std::vector<std::string> pieces{std::string(kMark), source, sender, auth_sender, join(above, "\n")};
  if (!tags.empty() || !connection.empty()) pieces.push_back(tags);
  if (!connection.empty()) pieces.push_back(replace_all(connection, "\t", " "));
  return join(pieces, "\t");
}

Result<ListState> ListState::decode(std::string_view text) {
  const auto pieces = split(text, '\t');
  if (pieces.size() < 5 || pieces.size() > 7 || pieces[0] != kMark)
    return permanent("not the state of a list: " + printable(text, 60));
  ListState state{std::string(pieces[1]), std::string(pieces[2]), std::string(pieces[3]), {}, {}, {}};
  if (pieces.size() > 5) state.tags = pieces[5];
  if (pieces.size() > 6) state.connection = pieces[6];
  for (const auto id : split(pieces[4], '\n'))
    if (!id.empty()) state.above.emplace_back(id);
  return state;
}

ListEffects effects_of(const directory::Group& group) {
  ListEffects effects;
  effects.subject_tag = group.subject_tag;
  for (const auto& line : group.add_headers)
    if (is_header_line(line)) effects.add_headers.push_back(line);
  effects.remove_headers = group.remove_headers;
  effects.prefix_text = group.prefix_text;
  effects.suffix_text = group.suffix_text;
  return effects;
}

}  // namespace waxwing::mta
