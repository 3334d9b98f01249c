#include "common/directory/entry.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::directory {

const std::vector<std::string>& Entry::values(std::string_view name) const {
  static const std::vector<std::string> none;
  for (const auto& [attribute, values] : attributes)
    if (iequals(attribute, name)) return values;
  return none;
}

std::string_view Entry::first(std::string_view name) const {
  const auto& all = values(name);
  return all.empty() ? std::string_view() : std::string_view(all.front());
}

bool Entry::has(std::string_view name) const {
  return !values(name).empty();
}

bool Entry::has_object_class(std::string_view name) const {
  return std::ranges::any_of(values("objectClass"), [&](const auto& value) { return iequals(value, name); });
}

std::string escape_filter(std::string_view value) {
  std::string safe;
  safe.reserve(value.size());
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || byte >= 0x7f || c == '(' || c == ')' || c == '*' || c == '\\') {
      safe += '\\';
      safe += to_hex(std::string_view(&c, 1));
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string escape_dn(std::string_view value) {
  std::string safe;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    const bool edge_blank = c == ' ' && (i == 0 || i + 1 == value.size());
    const bool special = std::string_view("\",+<>;\\=").find(c) != std::string_view::npos;
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) {
      safe += '\\';
      safe += to_hex(std::string_view(&c, 1));
    } else {
      if (edge_blank || special || (c == '#' && i == 0)) safe += '\\';
      safe += c;
    }
  }
  return safe;
}

namespace {
// The position of the comma that ends the first RDN, or npos.
std::size_t rdn_end(std::string_view dn) {
  bool quoted = false;
  for (std::size_t i = 0; i < dn.size(); ++i) {
    if (dn[i] == '\\') {
      ++i;
    } else if (dn[i] == '"') {
      quoted = !quoted;
    } else if (!quoted && (dn[i] == ',' || dn[i] == ';')) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Without blanks around , = + and in lower case; escaped characters stay as written.
std::string normal_dn(std::string_view dn) {
  std::string normal;
  bool after_separator = true;
  for (std::size_t i = 0; i < dn.size(); ++i) {
    const char c = dn[i];
    if (c == '\\' && i + 1 < dn.size()) {
      normal += c;
      normal += lower(dn[++i]);
      after_separator = false;
    } else if (c == ',' || c == ';' || c == '=' || c == '+') {
      while (!normal.empty() && normal.back() == ' ' &&
             !(normal.size() > 1 && normal[normal.size() - 2] == '\\'))
        normal.pop_back();
      normal += c == ';' ? ',' : c;
      after_separator = true;
    } else if (c != ' ' || !after_separator) {
      normal += lower(c);
      after_separator = false;
    }
  }
  while (!normal.empty() && normal.back() == ' ' && !(normal.size() > 1 && normal[normal.size() - 2] == '\\'))
    normal.pop_back();
  return normal;
}
}  // namespace

bool same_dn(std::string_view a, std::string_view b) {
  return normal_dn(a) == normal_dn(b);
}

bool is_below(std::string_view dn, std::string_view base) {
  const auto inner = normal_dn(dn), outer = normal_dn(base);
  if (outer.empty() || inner == outer) return true;
  if (!inner.ends_with(outer)) return false;
  auto above = std::string_view(inner).substr(0, inner.size() - outer.size());
  if (!above.ends_with(',')) return false;
  // The comma must not be escaped: an even number of backslashes stands before it.
  above.remove_suffix(1);
  const auto last = above.find_last_not_of('\\');
  return (above.size() - (last == std::string_view::npos ? 0 : last + 1)) % 2 == 0;
}

std::string_view parent_dn(std::string_view dn) {
  const auto end = rdn_end(dn);
  return end == std::string_view::npos ? std::string_view() : trim(dn.substr(end + 1));
}

Result<std::string> fill_filter(std::string_view pattern, const FilterValues& values) {
  std::string filter;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%') {
      filter += pattern[i];
      continue;
    }
    const char sign = ++i < pattern.size() ? pattern[i] : '\0';
    if (sign == 'U')
      filter += escape_filter(values.user);
    else if (sign == 'V')
      filter += escape_filter(values.domain);
    else if (sign == 'o')
      filter += escape_filter(values.original);
    else if (sign == '%')
      filter += '%';
    else
      return permanent("filter " + printable(pattern) + ": after % stands one of U, V, o or %");
  }
  return filter;
}

}  // namespace waxwing::directory
