// A site's own names of attributes. The code knows an attribute by its name in the schema reference; where a site keeps
// the same thing under another name, requests, filters and entries are translated at the directory's door.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/directory/entry.h"

namespace waxwing::directory {

class AttributeNames {
 public:
  // The site's attributes that hold what ours holds, in order of preference; none: the site has no such thing. What was
  // said of ours before is forgotten.
  void set(std::string ours, std::vector<std::string> theirs);
  // What to ask for instead: ours itself where set() said nothing.
  std::vector<std::string> theirs(std::string_view ours) const;
  bool empty() const { return pairs_.empty(); }

  std::vector<std::string> request(const std::vector<std::string>& ours) const;
  // Adds what the entry has under the site's names as ours; an attribute that only bears one of our names goes.
  void translate(Entry& entry) const;
  // (ours=value) for each of the attributes under the names they have here; value is escaped already, or "*" for any. A
  // clause that nothing meets where they have none: an empty filter would find everything.
  std::string clauses(std::initializer_list<std::string_view> ours, std::string_view value) const;

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> pairs_;
};

}  // namespace waxwing::directory
