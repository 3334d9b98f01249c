// Editor: changes to the directory, for tools. One connection, one thread; every call blocks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/directory/directory.h"

struct ldap;

namespace waxwing::directory {

class Editor {
 public:
  using Attributes = std::vector<std::pair<std::string, std::vector<std::string>>>;
  struct NewEntry {
    std::string dn;
    Attributes attributes;
  };
  struct Change {
    enum class Kind { add, remove, replace } kind = Kind::replace;
    std::string attribute;
    std::vector<std::string> values;  // remove and replace: none means the whole attribute
  };

  // The servers of settings in their order, bound as dn. Temporary error when none answers, permanent when
  // the bind is refused.
  static Result<Editor> open(const Settings& settings, const std::string& dn, const std::string& password);
  Editor(Editor&& other) noexcept;
  ~Editor();

  // Errors: permanent when the server refuses (exists already, no such entry, schema), temporary when the
  // connection broke. All name the DN.
  Result<> add(const NewEntry& entry);
  Result<> modify(const std::string& dn, const std::vector<Change>& changes);
  Result<> remove(const std::string& dn);
  // Entries below dn first, then dn.
  Result<> remove_tree(const std::string& dn);

  // Many at once, without waiting for each. done(index, result) is called once for each entry, in any order;
  // a broken connection ends it with an error.
  Result<> add_many(const std::vector<NewEntry>& entries,
                    const std::function<void(std::size_t, const Result<>&)>& done);

  // scope: 0 the entry, 1 one level, 2 the subtree. A missing base gives no entries.
  Result<Entries> search(const std::string& base, int scope, const std::string& filter,
                         const std::vector<std::string>& attributes = {});

 private:
  explicit Editor(::ldap* handle) : handle_(handle) {}
  ::ldap* handle_;
};

}  // namespace waxwing::directory
