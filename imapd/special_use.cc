#include "imapd/special_use.h"

#include "common/base/strings.h"

namespace waxwing::imap {

Result<std::string> canonical_special_use(std::string_view list) {
  static constexpr std::string_view known[] = {"\\Archive", "\\Drafts", "\\Flagged", "\\Important",
                                               "\\Junk",    "\\Sent",   "\\Trash"};
  std::string canonical;
  for (const auto word : split_words(list)) {
    std::string_view spelling;
    for (const auto& name : known)
      if (iequals(name, word)) spelling = name;
    if (spelling.empty()) return permanent("special use not known here: " + printable(word, 40));
    if (canonical.find(spelling) != std::string::npos) continue;
    if (!canonical.empty()) canonical += ' ';
    canonical += spelling;
  }
  return canonical;
}

}  // namespace waxwing::imap
