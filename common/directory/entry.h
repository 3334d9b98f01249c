// Entry: one LDAP entry as it came, and the helpers that build filters and DNs safely.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::directory {

// Attributes in the order the server sent them. Names compare case-blind; options (";binary") are part
// of the name.
struct Entry {
  std::string dn;
  std::vector<std::pair<std::string, std::vector<std::string>>> attributes;

  // All values; empty when absent.
  const std::vector<std::string>& values(std::string_view name) const;
  // First value; empty when absent.
  std::string_view first(std::string_view name) const;
  bool has(std::string_view name) const;
  // Case-blind.
  bool has_object_class(std::string_view name) const;
};

// RFC 4515 §3: a value made safe inside a filter; every byte outside printable ASCII and ( ) * \ goes
// as \xx, so no input can widen a search.
std::string escape_filter(std::string_view value);
// RFC 4514 §2.4: a value made safe inside a DN.
std::string escape_dn(std::string_view value);
// True when a and b name the same entry: spaces around , = + and case are ignored (values are taken to
// compare case-blind, as all naming attributes of mail directories do).
bool same_dn(std::string_view a, std::string_view b);
// True when dn is base or below it.
bool is_below(std::string_view dn, std::string_view base);
// The DN one level up; empty at the root.
std::string_view parent_dn(std::string_view dn);

// A filter template: %U user part, %V domain, %o the login as given, %% a percent sign. Values are
// escaped. Permanent error at another %.
struct FilterValues {
  std::string_view user, domain, original;
};
Result<std::string> fill_filter(std::string_view pattern, const FilterValues& values);

}  // namespace waxwing::directory
