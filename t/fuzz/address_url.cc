// ALIAS_URL, DOMAIN_MATCH_URL and REVERSE_URL: the first line is a URL as an operator may have written it, the rest an
// address as a stranger has. Whatever the address: it stays in the place that the URL has for it.
#include <algorithm>

#include "common/directory/address_url.h"

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::directory;

namespace {

// What a server makes of it.
std::string decoded(std::string_view url) {
  std::string text;
  for (std::size_t i = 0; i < url.size(); ++i) {
    const auto byte = url[i] == '%' ? from_hex(url.substr(i + 1, 2)) : std::nullopt;
    text += byte ? byte->front() : url[i];
    if (byte) i += 2;
  }
  return text;
}

}  // namespace

FUZZ_TARGET(address_url) {
  fuzz::Input in(input);
  const auto url = in.line();
  const auto address = in.rest();
  const auto at = address.rfind('@');
  AddressUrlValues values;
  values.address = address;
  values.local_part = address.substr(0, at);
  values.domain = at == address.npos ? std::string_view() : address.substr(at + 1);
  values.base_dn = "o=example.com,o=isp";
  values.user_root = "o=isp";
  values.dc_root = "o=internet";
  values.wanted = {std::string(address)};
  const auto filled = fill_address_url(url, values, {});
  if (!filled) MUST(filled.error().fault == Fault::permanent && !filled.error().text.empty());

  const auto sound =
      fill_address_url("ldap:///$B?*?sub?(&(a=$A)(u=$U)(l=$L)(s=$S)(d=$D)(h=$1H)$R)", values, {});
  MUST(sound && *sound);
  MUST(std::ranges::count(**sound, '?') == 3);
  for (const char c : **sound) MUST(c > ' ' && c < 127 && c != '#');
  const auto filter = decoded(**sound).substr(std::string_view("ldap:///o=isp?*?sub?").size());
  // Six of ours and those of $R, which stand for themselves whatever the address is.
  AddressUrlValues plain = values;
  plain.address = plain.local_part = plain.domain = "x";
  plain.wanted = {"x"};
  const auto simple = fill_address_url("(&(a=$A)(u=$U)(l=$L)(s=$S)(d=$D)(h=$1H)$R)", plain, {});
  for (const char c : {'(', ')', '*', '|', '&'})
    MUST(c == '|' || c == '&' || std::ranges::count(filter, c) == std::ranges::count(decoded(**simple), c));
}
