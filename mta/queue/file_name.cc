#include <algorithm>

#include "common/base/strings.h"
#include "mta/config/channel_name.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

namespace {
constexpr unsigned kMostAttempts = 26 * 26 - 1;
constexpr std::string_view kHeldSuffix = ".HELD";

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, is_digit);
}
}  // namespace

std::string FileName::relative() const {
  const unsigned left = kMostAttempts - std::min(attempts, kMostAttempts);
  std::string text;
  text.reserve(channel.size() + bucket.size() + id.size() + copy.size() + kHeldSuffix.size() + 5);
  text.append(channel).append("/").append(bucket).append("/");
  text += static_cast<char>('A' + left / 26);
  text += static_cast<char>('A' + left % 26);
  text.append(id).append(".").append(copy);
  if (held) text += kHeldSuffix;
  return text;
}

std::string FileName::key() const {
  return channel + "/" + bucket + "/" + id + "." + copy;
}

std::string FileName::aside() const {
  return replace_all(relative(), "/", "_");
}

// The name of the channel may have such marks too.
Result<FileName> FileName::parse_aside(std::string_view name) {
  std::string relative(name);
  for (int i = 0; i < 2; ++i)
    if (const auto at = relative.rfind('_'); at != std::string::npos) relative[at] = '/';
  return parse(relative);
}

Result<FileName> FileName::parse(std::string_view relative) {
  const auto refuse = [&](const char* why) {
    return permanent("not the name of a queue file: " + printable(relative) + " (" + why + ")");
  };
  const auto pieces = split(relative, '/');
  if (pieces.size() != 3) return refuse("want channel/nnn/name");
  FileName name;
  if (!is_channel_name(pieces[0])) return refuse("channel");
  name.channel = pieces[0];
  if (pieces[1].size() != 3 || !all_digits(pieces[1])) return refuse("directory is not three digits");
  name.bucket = pieces[1];
  auto text = pieces[2];
  if (text.ends_with(kHeldSuffix)) {
    name.held = true;
    text.remove_suffix(kHeldSuffix.size());
  }
  const auto dot = text.find('.');
  if (dot == std::string_view::npos || dot < 3 || dot > 66) return refuse("want ZZ<id>.<NN>");
  name.copy = text.substr(dot + 1);
  if (name.copy.size() < 2 || name.copy.size() > 6 || !all_digits(name.copy)) return refuse("copy number");
  if (!is_upper(text[0]) || !is_upper(text[1])) return refuse("attempt letters");
  name.attempts = kMostAttempts - static_cast<unsigned>((text[0] - 'A') * 26 + (text[1] - 'A'));
  name.id = text.substr(2, dot - 2);
  if (!std::ranges::all_of(name.id, is_alnum)) return refuse("id");
  return name;
}

}  // namespace waxwing::mta::queue
