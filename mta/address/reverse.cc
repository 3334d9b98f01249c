#include "mta/address/reverse.h"

#include "common/mail/address.h"
#include "mta/address/mapping.h"
#include "mta/address/rewrite.h"

namespace waxwing::mta {
namespace {

enum Bits : std::int64_t { on = 1, with_channels = 8 };

Result<std::string> from_directory(const Lookup& lookup, const std::string& address) {
  if (!lookup.directory) return address;
  auto match = lookup.directory->by_address(address, lookup.ask);
  if (!match) {
    if (directory::is_would_block(match.error())) return std::unexpected(match.error());
    return address;
  }
  using enum directory::MatchedBy;
  if ((*match)->matched_by != mail && (*match)->matched_by != alternate) return address;
  const auto& entry = **match;
  const auto& primary = entry.user ? entry.user->mail : entry.group ? entry.group->mail : address;
  if (primary.empty() || iequals(primary, address)) return address;
  lookup.say([&] { return "  reversal: " + address + " is " + primary; });
  return primary;
}

// $Y takes the result, $D rewrites it, $H only in headers (an envelope stays), $N leaves the address.
Result<std::string> from_mapping(const Lookup& lookup, const std::string& address, const Channel* source,
                                 const Channel* destination, bool envelope) {
  const auto* table = lookup.config.mappings().table(OwnTable::reverse);
  if (!table) return address;
  std::string probe = address;
  if (lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & with_channels)
    probe = (source ? source->name() : "") + "|" + (destination ? destination->name() : "") + "|" + address;
  auto answer = apply_mapping(lookup, *table, probe);
  if (!answer) {
    if (directory::is_would_block(answer.error())) return std::unexpected(answer.error());
    return address;
  }
  const auto& flags = answer->flags;
  if (!answer->matched || !flags.has('Y') || flags.has('N') || (envelope && flags.has('H'))) return address;
  const auto spec = mail::parse_addr_spec(answer->text);
  if (!spec) return address;
  if (!flags.has('D')) return spec->text();
  RewriteRequest request;
  request.local = spec->local_part;
  request.domain = complete_domain(lookup, spec->domain, source, false);
  request.envelope = envelope;
  request.forward = false;
  request.source = source;
  request.destination = destination;
  TRY(auto rewritten, rewrite(lookup, request));
  return rewritten ? mail::format_addr_spec(rewritten->local, rewritten->domain) : spec->text();
}

}  // namespace

Result<std::string> reverse_address(const Lookup& lookup, const std::string& address, const Channel* source,
                                    const Channel* destination, bool envelope) {
  if (!(lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & on)) return address;
  TRY(auto primary, from_directory(lookup, address));
  return from_mapping(lookup, primary, source, destination, envelope);
}

std::string complete_domain(const Lookup& lookup, std::string_view domain, const Channel* source,
                            bool submission) {
  if (!domain.empty()) return std::string(domain);
  if (source && source->is(Kw::defaulthost) && source->given(Kw::defaulthost)) {
    const auto second = source->word(Kw::defaulthost, 1);
    return std::string(submission && !second.empty() ? second : source->word(Kw::defaulthost, 0));
  }
  return lookup.config.local_host();
}

}  // namespace waxwing::mta
