#include "common/directory/attribute_names.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::directory {

void AttributeNames::set(std::string ours, std::vector<std::string> theirs) {
  std::erase_if(pairs_, [&](const auto& pair) { return iequals(pair.first, ours); });
  if (theirs.size() == 1 && iequals(ours, theirs[0])) return;
  pairs_.emplace_back(std::move(ours), std::move(theirs));
}

std::vector<std::string> AttributeNames::theirs(std::string_view ours) const {
  for (const auto& [name, others] : pairs_)
    if (iequals(name, ours)) return others;
  return {std::string(ours)};
}

std::vector<std::string> AttributeNames::request(const std::vector<std::string>& ours) const {
  if (empty()) return ours;
  std::vector<std::string> all;
  const auto add = [&](const std::string& name) {
    if (std::ranges::none_of(all, [&](const auto& each) { return iequals(each, name); })) all.push_back(name);
  };
  for (const auto& name : ours)
    for (const auto& each : theirs(name)) add(each);
  // What has no name of our own in the reference is wanted too.
  for (const auto& [name, others] : pairs_)
    for (const auto& each : others) add(each);
  return all;
}

void AttributeNames::translate(Entry& entry) const {
  if (empty()) return;
  std::vector<std::pair<std::string, std::vector<std::string>>> translated;
  for (const auto& [name, others] : pairs_) {
    std::vector<std::string> values;
    for (const auto& other : others) {
      const auto& more = entry.values(other);
      values.insert(values.end(), more.begin(), more.end());
    }
    if (!values.empty()) translated.emplace_back(name, std::move(values));
  }
  std::erase_if(entry.attributes, [&](const auto& one) {
    return std::ranges::any_of(pairs_, [&](const auto& pair) { return iequals(pair.first, one.first); });
  });
  std::ranges::move(translated, std::back_inserter(entry.attributes));
}

std::string AttributeNames::clauses(std::initializer_list<std::string_view> ours,
                                    std::string_view value) const {
  std::string filter;
  for (const auto name : ours)
    for (const auto& each : theirs(name))
      filter.append("(").append(each).append("=").append(value).append(")");
  return filter.empty() ? "(!(objectClass=*))" : filter;
}

}  // namespace waxwing::directory
