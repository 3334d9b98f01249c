#include "mta/address/reverse.h"

#include <optional>

#include "common/mail/address.h"
#include "mta/address/mapping.h"
#include "mta/address/rewrite.h"

namespace waxwing::mta {
namespace {

enum Bits : std::int64_t {
  on = 1,
  forward_too = 4,
  with_channels = 8,
  database_with_channels = 16,
  table_after_database = 32
};

std::string with_channels_of(const Channel* source, const Channel* destination, const std::string& address) {
  return (source ? source->name() : "") + "|" + (destination ? destination->name() : "") + "|" + address;
}

// What the reverse database has for an address, as it is; nothing when it has nothing. A damaged database is as
// one that is not there: reversal never refuses. The error is would-block.
Result<std::optional<std::string>> from_database(const Lookup& lookup, const std::string& address,
                                                 const Channel* source, const Channel* destination) {
  const auto& databases = lookup.config.databases();
  if (!databases.has(DatabaseId::reverse)) return std::nullopt;
  const bool channels = lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & database_with_channels;
  const auto values = databases.find(
      DatabaseId::reverse, channels ? with_channels_of(source, destination, address) : address, lookup.ask);
  if (!values && directory::is_would_block(values.error())) return std::unexpected(values.error());
  if (!values || values->empty()) return std::nullopt;
  const auto spec = mail::parse_addr_spec(values->front());
  if (!spec) return std::nullopt;
  auto text = mail::format_addr_spec(spec->local_part, complete_domain(lookup, spec->domain, source, false));
  lookup.say([&] { return "  reverse database: " + address + " is " + text; });
  return text;
}

// REVERSE_URL: the first value of the first entry it finds.
Result<std::string> from_url(const Lookup& lookup, const std::string& url, const std::string& address) {
  auto entries = lookup.directory->search_for(url, address, lookup.ask);
  if (!entries) {
    if (directory::is_would_block(entries.error())) return std::unexpected(entries.error());
    return address;
  }
  for (const auto& entry : **entries) {
    auto value = entry.first("mail");
    if (value.empty() && !entry.attributes.empty() && !entry.attributes.front().second.empty())
      value = entry.attributes.front().second.front();
    if (value.empty() || iequals(value, address)) continue;
    lookup.say([&] { return "  REVERSE_URL: " + address + " is " + std::string(value); });
    return std::string(value);
  }
  return address;
}

Result<std::string> from_directory(const Lookup& lookup, const std::string& address) {
  if (!lookup.directory) return address;
  if (const auto& url = lookup.config.options().text(Opt::REVERSE_URL); !url.empty())
    return from_url(lookup, url, address);
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
    probe = with_channels_of(source, destination, address);
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

bool reverses_forward(const Lookup& lookup) {
  return lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & forward_too;
}

Result<std::string> reverse_address(const Lookup& lookup, const std::string& address, const Channel* source,
                                    const Channel* destination, bool envelope) {
  if (!(lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & on)) return address;
  TRY(auto primary, from_directory(lookup, address));
  TRY(auto known, from_database(lookup, primary, source, destination));
  if (known) {
    primary = std::move(*known);
    if (!(lookup.config.options().number(Opt::USE_REVERSE_DATABASE) & table_after_database)) return primary;
  }
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
