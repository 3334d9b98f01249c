#include "common/directory/address_url.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/directory/detail/parse.h"

namespace waxwing::directory {
namespace {

std::string_view without_subaddress(std::string_view local) {
  const auto plus = local.find('+');
  return plus == 0 ? local : local.substr(0, plus);
}

std::string_view subaddress(std::string_view local) {
  const auto plus = local.find('+');
  return plus == local.npos || plus == 0 ? std::string_view() : local.substr(plus + 1);
}

std::string one_of(const AddressUrlValues& values, const AttributeNames& names,
                   std::initializer_list<std::string_view> attributes) {
  std::string filter = "(|";
  for (const auto& address : values.wanted) filter += names.clauses(attributes, escape_filter(address));
  return filter + ")";
}

// n: the number before the letter, -1 without one. Nothing: no such letter.
std::optional<std::string> value_of(char letter, int n, const AddressUrlValues& values,
                                    const AttributeNames& names) {
  switch (letter) {
    case 'A':
      return escape_filter(values.address);
    case 'U':
      return escape_filter(values.local_part);
    case 'L':
      return escape_filter(without_subaddress(values.local_part));
    case 'S':
      return escape_filter(subaddress(values.local_part));
    case 'D':
      return escape_filter(values.domain);
    case 'H': {
      const auto labels = split(values.domain, '.');
      return n < static_cast<int>(labels.size())
                 ? escape_filter(labels[static_cast<std::size_t>(std::max(n, 0))])
                 : std::string();
    }
    case 'B':
      return std::string(values.user_root);
    case 'C':
      return std::string(values.dc_root);
    case 'V':
      return std::string(values.base_dn.empty() ? values.user_root : values.base_dn);
    case 'R':
      return one_of(values, names, {"mail", "mailAlternateAddress", "mailEquivalentAddress"});
    case 'Q':
      return one_of(values, names, {"mail", "mailAlternateAddress"});
    case 'K':
      return recipient_filter(values.schema_tags);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::string quote_for_url(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (is_alnum(c) || std::string_view("-._~=@+*(),|&!").find(c) != std::string_view::npos)
      result += c;
    else
      result += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return result;
}

Result<std::optional<std::string>> fill_address_url(std::string_view url, const AddressUrlValues& values,
                                                    const AttributeNames& names) {
  std::string filled;
  for (std::size_t i = 0; i < url.size(); ++i) {
    if (url[i] != '$') {
      filled += url[i];
      continue;
    }
    int n = -1;
    while (++i < url.size() && is_digit(url[i])) n = (n < 0 ? 0 : n % 1000) * 10 + (url[i] - '0');
    const char letter = i < url.size() ? upper(url[i]) : '\0';
    if (letter == '$' || letter == '%' || letter == '@') {
      filled += letter;
      continue;
    }
    if (letter == 'N') {
      filled += join(names.request({"mail", "mailAlternateAddress", "mailEquivalentAddress"}), ",");
      continue;
    }
    if (letter == 'V' && n <= 0 && values.base_dn.empty()) return std::nullopt;
    const auto value = value_of(letter, n, values, names);
    if (!value)
      return permanent("'" + printable(url) + "': there is no sequence $" + std::string(1, letter) +
                       " in a URL for addresses; see option.dat(5)");
    filled += quote_for_url(*value);
  }
  return filled;
}

}  // namespace waxwing::directory
