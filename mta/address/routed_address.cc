#include "mta/address/routed_address.h"

#include "common/base/strings.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kMostHops = 30;

bool is_hop(std::string_view host) {
  return mail::is_smtp_domain(host, true) || mail::is_address_literal(host);
}

}  // namespace

Result<RoutedAddress> parse_routed_address(std::string_view text) {
  RoutedAddress result;
  text = trim(text);
  if (text.starts_with('<') && text.ends_with('>')) text = trim(text.substr(1, text.size() - 2));
  if (text.starts_with('@')) {
    // A literal of an IPv6 address holds colons: the route ends behind its bracket.
    const auto bracket = text.rfind("]:");
    const auto end = bracket != text.npos && text.find(':') < bracket ? bracket + 1 : text.find(':');
    if (end == text.npos) return permanent("a source route must end in a colon: @host:user@host");
    for (const auto piece : split(text.substr(0, end), ',')) {
      const auto hop = trim(piece);
      if (!hop.starts_with('@') || !is_hop(hop.substr(1)) || result.route.size() == kMostHops)
        return permanent("bad source route " + printable(text.substr(0, end), 100) +
                         "; write @host,@host:user@host");
      result.route.emplace_back(hop.substr(1));
    }
    text.remove_prefix(end + 1);
  }
  TRY(result.spec, mail::parse_addr_spec(text));
  return result;
}

}  // namespace waxwing::mta
