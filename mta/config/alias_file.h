// The aliases file: names of channel l (and of aliaslocal channels) and what they stand for.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/strings.h"
#include "mta/config/alias_list.h"
#include "mta/config/source.h"

namespace waxwing::mta {

struct Alias {
  std::string name;                 // as written: "postmaster", "sales@example.com", "user+*"
  std::vector<std::string> values;  // addresses
  std::vector<std::string> urls;    // ldap:///...: members by search, their mail
  std::string errors_to;            // error-return-address; empty: as the message
  ListPolicy list;                  // who may write, and the like
  std::string where;
};

class AliasFile {
 public:
  // Case-blind. Null when there is none.
  const Alias* find(std::string_view name) const;
  void each(const std::function<void(const Alias&)>& visit) const {
    for (const auto& [name, alias] : aliases_) visit(alias);
  }
  std::size_t size() const { return aliases_.size(); }
  // warnings: parameters of lists that have no effect yet.
  static AliasFile parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                         std::vector<std::string>& warnings);
  // One entry of the alias database: value as it would stand behind the colon; list files are those of sources.
  static Result<Alias> entry(const SourceSet& sources, std::string_view name, std::string_view value,
                             const std::string& where);

 private:
  std::unordered_map<std::string, Alias, CaseBlindHash, CaseBlindEqual> aliases_;
};

}  // namespace waxwing::mta
