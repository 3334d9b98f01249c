#include "mta/submission/subject.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::mta {

namespace {
std::string with_tag(std::string_view text, std::string_view tag) {
  if (tag.empty() || ifind(text, tag) != std::string_view::npos) return std::string(text);
  return fmt::format(" {}{}{}", tag, is_blank(text.empty() ? ' ' : text[0]) ? "" : " ", text);
}

// "Re: ", "AW: ", "Fwd: Re: " at the beginning: how many bytes, blanks around it too.
std::size_t answer_marks(std::string_view text) {
  std::size_t at = 0, end = 0;
  for (;;) {
    while (at < text.size() && (is_blank(text[at]) || text[at] == '\r' || text[at] == '\n')) ++at;
    auto letters = at;
    while (letters < text.size() && is_alpha(text[letters])) ++letters;
    if (letters < at + 2 || letters > at + 3 || letters >= text.size() || text[letters] != ':') return end;
    at = end = letters + 1;
  }
}

bool is_ours(std::string_view word, std::uint64_t below) {
  const auto number = to_number<std::uint64_t>(word);
  return number && *number < below && std::ranges::all_of(word, is_digit);
}

// Without the numbers of what it answers.
std::string only_last(std::string_view text, const SubjectNumber& number) {
  const auto marks = answer_marks(text);
  if (number.behind) {
    if (marks == 0) return std::string(text);
    for (;;) {
      text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
      const auto blank = text.find_last_of(" \t");
      if (blank == text.npos || blank < marks || !is_ours(text.substr(blank + 1), number.number))
        return std::string(text);
      text = text.substr(0, blank);
    }
  }
  // "17 Re: 16 text": in front of the marks as well, since the answer may be to an answer.
  std::string out(text.substr(0, marks));
  auto rest = text.substr(marks);
  for (bool more = marks > 0; more;) {
    const auto begin = std::min(rest.find_first_not_of(" \t\r\n"), rest.size());
    const auto end = std::min(rest.find_first_of(" \t\r\n", begin), rest.size());
    const auto further = answer_marks(rest);
    more = is_ours(rest.substr(begin, end - begin), number.number);
    if (more) rest = rest.substr(end);
    if (!more && further > 0) out.append(rest.substr(0, further)), rest = rest.substr(further), more = true;
  }
  return out.append(rest);
}
}  // namespace

std::string shaped_subject(std::string_view raw, std::string_view tag, const SubjectNumber& number) {
  const auto colon = raw.find(':') + 1;
  const auto end = raw.find_last_not_of("\r\n") + 1;
  auto text = with_tag(raw.substr(colon, end - colon), tag);
  if (number.number > 0) {
    if (number.only_last) text = only_last(text, number);
    text = number.behind
               ? fmt::format("{} {}", text, number.number)
               : fmt::format(" {}{}{}", number.number, text.empty() || is_blank(text[0]) ? "" : " ", text);
  }
  return fmt::format("{}{}{}", raw.substr(0, colon), text, raw.substr(end));
}

}  // namespace waxwing::mta
