// Users: status, host, delivery options.
#include <algorithm>

#include "common/base/time.h"
#include "mta/address/resolver.h"
#include "mta/address/vacation.h"

namespace waxwing::mta {
namespace {

using directory::Status;

AddressProblem site_problem(const std::string& text) {
  return problem(451, "4.3.5", text);
}

DeliveryValues values_of(const directory::User& user, const Rewritten& at, const std::string& subaddress) {
  DeliveryValues values;
  values.address = mail::format_addr_spec(at.local, at.domain);
  values.subaddress = subaddress;
  values.local_part = subaddress.empty() ? at.local : at.local.substr(0, at.local.find('+'));
  values.domain = at.domain;
  values.uid = user.uid;
  values.hosted_domain = user.store_name != user.uid && user.domain ? user.domain->name : "";
  values.mailbox = user.store_name;
  values.base_dn = user.domain ? user.domain->base_dn : "";
  values.user_base_dn = values.base_dn;
  values.file = user.delivery_file_url;
  values.program = user.program_delivery.empty() ? "" : user.program_delivery.front();
  return values;
}

}  // namespace

std::optional<AddressProblem> Resolver::status_problem(Status status, const std::string& address,
                                                       bool group) const {
  const auto& options = lookup_.config.options();
  const auto bit = group ? 2 : 1;
  const bool inactive_is_final = options.number(Opt::USE_PERMANENT_ERROR) & bit;
  const bool disabled_comes_back = options.number(Opt::USE_TEMPORARY_ERROR) & bit;
  const auto who = printable(address);
  switch (status) {
    case Status::active:
    case Status::hold:
      return std::nullopt;
    case Status::inactive:
      return inactive_is_final ? problem(550, "5.2.1", who + " is inactive")
                               : problem(450, "4.2.1", who + " is inactive now; try again later");
    case Status::disabled:
      return disabled_comes_back ? problem(450, "4.2.1", who + " is disabled now; try again later")
                                 : problem(550, "5.2.1", who + " is disabled");
    case Status::overquota:
      return problem(452, "4.2.2", "the mailbox of " + who + " is over its quota");
    case Status::deleted:
    case Status::removed:
      return problem(550, "5.1.1", who + " is no longer here");
    case Status::unused:
      return problem(550, "5.2.1", who + " takes no mail");
  }
  return std::nullopt;
}

Trouble Resolver::user(const directory::Match& match, const Rewritten& at, const std::string& subaddress,
                       const Frame& frame) {
  const auto& user = *match.user;
  const auto address = mail::format_addr_spec(at.local, at.domain);
  lookup_.say([&] { return "  user " + user.dn + ", " + directory::to_string(user.status); });
  const auto domain_status = user.domain ? user.domain->status : Status::active;
  for (const auto status : {domain_status, user.status})
    if (auto refused = status_problem(status, address, false)) return refused;
  if (domain_status == Status::hold || user.status == Status::hold) return hold(address, frame, &user);
  const auto block_size = std::max<std::int64_t>(1, lookup_.config.options().number(Opt::BLOCK_SIZE));
  // mailMsgMaxBlocks, else mailDomainMsgMaxBlocks.
  auto most_blocks = user.message_max_blocks;
  if (!most_blocks && user.domain) most_blocks = user.domain->message_max_blocks;
  if (most_blocks && *most_blocks >= 0 &&
      request_.size_bytes > static_cast<std::uint64_t>(*most_blocks * block_size))
    return problem(552, "5.2.3", "the message is larger than " + printable(address) + " takes");
  if (!first_visit("entry:" + user.dn + "+" + subaddress)) return std::nullopt;
  const bool later =
      request_.postpone || iequals(user.defer_processing, "yes") || is_for_later(user.delivery_options);
  if (later && request_.lists == Lists::defer) return leave_to_process({.id = "entry:" + user.dn}, at, frame);
  Frame below = frame;
  ++below.depth;
  below.via_alias = true;
  if (const auto host = detour(user.entry); !host.empty()) return route_to(host, address, below);
  if (!user.routing_address.empty()) return text(user.routing_address, below);
  // Who has no mailHost is with the domain's smart host, where there is one.
  const auto& host = user.mail_host.empty() && user.domain ? user.domain->routing_smart_host : user.mail_host;
  const bool here = host.empty() || lookup_.config.is_local_host(host);
  const auto values = values_of(user, at, subaddress);
  bool routed = false;
  std::optional<AddressProblem> first_problem;
  for (const auto& name : user.delivery_options) {
    const auto* option = lookup_.config.delivery_options().find(name);
    if (!option)
      return site_problem("mailDeliveryOption " + printable(name) + " of " + printable(user.dn) +
                          " is not in DELIVERY_OPTIONS");
    if (option->groups && !option->users) continue;
    if (option->vacation_dates && !option->autoreply && !is_within_vacation(user, wall_seconds())) continue;
    if (option->autoreply && here) {
      TRY(auto trouble, autoreply(user, *option, at, below));
      if (trouble && !first_problem) first_problem = trouble;
      if (user.delivery_options.size() > 1) continue;  // goes along with the delivery
    }
    lookup_.say([&] { return "  delivery option " + name; });
    if (!here && !option->even_off_host) {
      if (routed) continue;
      routed = true;
      TRY(auto trouble, route_to(host, address, below));
      if (trouble && !first_problem) first_problem = trouble;
      continue;
    }
    TRY(auto trouble, user_option(user, *option, values, below));
    if (trouble && trouble->status == "4.4.3") return trouble;
    if (trouble && !first_problem) first_problem = trouble;
  }
  return first_problem;
}

// A copy for the channel that answers, while the user is away. Notifications and mail of lists get no answer: that
// much is known here, the rest it finds in the message.
Trouble Resolver::autoreply(const directory::User& user, const DeliveryOption& option, const Rewritten& at,
                            const Frame& frame) {
  if (request_.envelope_from.empty() || frame.from_list || !frame.envelope_from.empty()) return std::nullopt;
  if (lookup_.config.channel("autoreply") == nullptr) return std::nullopt;
  if (!is_vacation_on(user, option.vacation_dates, wall_seconds())) return std::nullopt;
  lookup_.say([&] { return "  automatic reply"; });
  Recipient recipient;
  recipient.channel = recipient.host = "autoreply";
  recipient.address = recipient.expanded =
      user.mail.empty() ? mail::format_addr_spec(at.local, at.domain) : user.mail;
  recipient.rewritten = frame.rewritten;
  recipient.rewritten_channel = frame.rewritten_channel;
  return hand_over(std::move(recipient));
}

Trouble Resolver::user_option(const directory::User& user, const DeliveryOption& option,
                              const DeliveryValues& values, const Frame& frame) {
  if (option.target == DeliveryOption::Target::forwards) {
    if (user.forwarding_addresses.empty())
      return site_problem(printable(user.dn) + " forwards, but has no mailForwardingAddress");
    const bool one = user.forwarding_addresses.size() == 1 && user.delivery_options.size() == 1;
    for (const auto& address : user.forwarding_addresses) {
      auto outcome = text(address, frame);
      if (one) return outcome;
      TRY(auto trouble, member(std::move(outcome), address));
      if (trouble) return trouble;
    }
    return std::nullopt;
  }
  if (option.target == DeliveryOption::Target::members)
    return site_problem("delivery option " + option.name + " of " + printable(user.dn) + " is for groups");
  Frame below = frame;
  below.hold = frame.hold || option.hold;
  // Each mailProgramDeliveryInfo is a program of its own.
  auto each = values;
  for (std::size_t i = 0; i < std::max<std::size_t>(1, user.program_delivery.size()); ++i) {
    if (i > 0 && ifind(option.address_template, "$p") == std::string::npos) break;
    if (i > 0) each.program = user.program_delivery[i];
    const auto made = fill_delivery_template(option.address_template, each);
    if (!made) return site_problem(printable(user.dn) + ": " + made.error().text);
    TRY(auto trouble, made_address(*made, values.address, below, &user));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

// What a delivery option made: rewritten, no aliases; channels' own host names are good here.
Trouble Resolver::made_address(const std::string& made, const std::string& expanded, const Frame& frame,
                               const directory::User* user) {
  RewriteRequest request;
  request.tags_route = true;
  request.source = request_.source;
  std::string_view rest = made;
  if (rest.starts_with('@')) {
    const auto colon = rest.find(':');
    request.route.emplace_back(rest.substr(1, colon == rest.npos ? rest.npos : colon - 1));
    rest = colon == rest.npos ? std::string_view{} : rest.substr(colon + 1);
  }
  const auto at = rest.rfind('@');
  if (at == rest.npos || at == 0 || at + 1 == rest.size())
    return site_problem("a delivery option makes " + printable(made) + ", which is no address");
  request.local = std::string(rest.substr(0, at));
  request.domain = std::string(rest.substr(at + 1));
  if (!request.route.empty())
    if (auto spec = mail::parse_addr_spec(rest)) request.local = spec->local_part;
  lookup_.say([&] { return "  makes " + made; });
  // The channel that an internal host name belongs to, before any rule can lead it elsewhere.
  const auto& host = request.route.empty() ? request.domain : request.route.front();
  if (const auto* channel = lookup_.config.channel_of_host(host); channel && channel->name() != "l") {
    Rewritten direct{request.local, request.domain, {}, to_lower(request.domain), channel};
    return arrived(direct, expanded, frame, user);
  }
  if (request.route.empty() && host.find('.') == std::string::npos)
    return site_problem("a delivery option leads to " + printable(made) + ", for which there is no channel");
  TRY(auto rewritten, rewrite(lookup_, std::move(request)));
  if (!rewritten && rewritten.error().status == "5.1.2")
    return site_problem("a delivery option leads to " + printable(made) + ", for which there is no channel");
  if (!rewritten) return std::move(rewritten.error());
  if (rewritten->channel->name() == "l")
    return problem(550, "5.4.6", "the mail of " + printable(expanded) + " is routed back to this host");
  return arrived(*rewritten, expanded, frame, user);
}

// aliasdetourhost of the source channel: everybody's mail takes a way round by that host, which sends it back by another
// channel; aliasoptindetourhost: that of entries with the attribute LDAP_DETOURHOST_OPTIN.
std::string Resolver::detour(const directory::Entry& entry) const {
  if (request_.source == nullptr || request_.expand) return {};
  if (request_.source->is(Kw::aliasdetourhost))
    return std::string(request_.source->word(Kw::aliasdetourhost));
  const bool opted = request_.source->is(Kw::aliasoptindetourhost) && entry.has("detourHostOptin");
  return opted ? std::string(request_.source->word(Kw::aliasoptindetourhost)) : std::string();
}

Trouble Resolver::route_to(const std::string& host, const std::string& address, const Frame& frame) {
  lookup_.say([&] { return "  goes to host " + host; });
  return made_address("@" + host + ":" + address, address, frame, nullptr);
}

Trouble Resolver::hold(const std::string& address, const Frame& frame, const directory::User* user) {
  const auto* option = lookup_.config.delivery_options().find("hold");
  DeliveryValues values;
  values.address = address;
  auto made = option ? fill_delivery_template(option->address_template, values)
                     : Result<std::string>("@hold-daemon:" + address);
  if (!made) return site_problem(made.error().text);
  return made_address(*made, address, frame, user);
}

}  // namespace waxwing::mta
