#include "mta/config/channel.h"

#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::mta {

std::string_view Channel::word(Kw keyword, std::size_t index) const {
  const auto& all = words(keyword);
  return index < all.size() ? std::string_view(all[index]) : std::string_view{};
}

std::int64_t Channel::number(Kw keyword, std::int64_t fallback) const {
  const auto text = word(keyword);
  return text.empty() ? fallback : to_number<std::int64_t>(text).value_or(fallback);
}

const std::vector<std::string>& Channel::words(Kw keyword) const {
  static const std::vector<std::string> none;
  if (!is(keyword)) return none;
  const auto found = arguments_.find(keyword);
  return found == arguments_.end() ? none : found->second;
}

std::vector<std::int64_t> Channel::numbers(Kw keyword) const {
  std::vector<std::int64_t> result;
  for (const auto& text : words(keyword))
    if (const auto value = to_number<std::int64_t>(text)) result.push_back(*value);
  return result;
}

std::vector<std::int64_t> Channel::seconds(Kw keyword) const {
  std::vector<std::int64_t> result;
  for (const auto& text : words(keyword))
    if (const auto value = iso_duration_seconds(text)) result.push_back(*value);
  return result;
}

std::vector<Kw> Channel::in_state(KeywordState state) const {
  std::vector<Kw> result;
  for (const auto& [keyword, arguments] : arguments_)
    if (is(keyword) && keyword_spec(keyword).state == state) result.push_back(keyword);
  return result;
}

}  // namespace waxwing::mta
