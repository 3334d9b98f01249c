#include "mta/queue/detour.h"

#include <algorithm>

#include "common/base/strings.h"
#include "mta/queue/envelope.h"

namespace waxwing::mta::queue {

std::string encode_detour(const Detour& detour) {
  std::string tags = detour.tags;
  std::erase_if(tags, [](unsigned char c) { return c <= ' ' || c == 127; });
  return "to=" + detour.channel + " host=" + detour.host +
         (detour.from.empty() ? "" : " from=" + detour.from) + (tags.empty() ? "" : " tag=" + tags) +
         (detour.convert ? " convert" : "") + (detour.service ? " service" : "") +
         (detour.no_vacation ? " " + std::string(kNoVacation) : "");
}

std::optional<Detour> parse_detour(std::string_view flags) {
  Detour detour;
  for (const auto word : split_words(flags)) {
    if (word.starts_with("to=")) detour.channel = word.substr(3);
    if (word.starts_with("host=")) detour.host = word.substr(5);
    if (word.starts_with("from=")) detour.from = word.substr(5);
    if (word.starts_with("tag=")) detour.tags = word.substr(4);
    if (word == "convert") detour.convert = true;
    if (word == "service") detour.service = true;
    if (word == kNoVacation) detour.no_vacation = true;
  }
  if (detour.channel.empty() || detour.host.empty()) return std::nullopt;
  return detour;
}

}  // namespace waxwing::mta::queue
