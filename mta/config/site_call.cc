#include "mta/config/site_call.h"

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

constexpr std::string_view kPrefix = "IMTA_LIB:";

bool is_library(std::string_view name) {
  if (name.empty() || name.find("..") != name.npos) return false;
  for (const char c : name)
    if (!is_alnum(c) && std::string_view("._-+/").find(c) == std::string_view::npos) return false;
  // Absolute, or a name of the folder of libraries.
  return name[0] == '/' || name.find('/') == name.npos;
}

bool is_symbol(std::string_view name) {
  if (name.empty() || is_digit(name[0])) return false;
  for (const char c : name)
    if (!is_alnum(c) && c != '_') return false;
  return true;
}

}  // namespace

Result<SiteCall> parse_site_call(std::string_view inside) {
  const auto whole = inside;
  auto library = take_until(inside, ',');
  if (istarts_with(library, kPrefix)) library.remove_prefix(kPrefix.size());
  const auto comma = inside.find(',');
  const auto routine = inside.substr(0, comma);
  if (comma == inside.npos || !is_library(library) || !is_symbol(routine))
    return permanent("write $[library.so,routine,argument] in a template, not $[" + printable(whole, 80) +
                     "]; the library is a name in site-programs or an absolute path");
  return SiteCall{std::string(library) + "," + std::string(routine), inside.substr(comma + 1)};
}

}  // namespace waxwing::mta
