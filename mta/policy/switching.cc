#include "mta/policy/switching.h"

#include "mta/address/rewrite.h"

namespace waxwing::mta {
namespace {

bool may_be_switched_to(const Channel& channel) {
  return !channel.is(Kw::noswitchchannel) && !channel.is(Kw::nosmtp) && channel.name() != "l";
}

// The channel that owns the client's address by the rewrite rules.
Result<const Channel*> by_address(const Lookup& lookup, const Channel& start, std::string_view client_ip) {
  RewriteRequest request;
  request.local = "postmaster";
  request.domain = client_ip.find(':') == client_ip.npos ? "[" + std::string(client_ip) + "]"
                                                         : "[IPv6:" + std::string(client_ip) + "]";
  request.forward = false;
  request.source = &start;
  TRY(auto rewritten, rewrite(lookup, std::move(request)));
  return rewritten && may_be_switched_to(*rewritten->channel) ? rewritten->channel : &start;
}

const Channel* by_name(const Lookup& lookup, const Channel& now, std::string_view name) {
  const auto* target = name.empty() ? nullptr : lookup.config.channel(name);
  return target && may_be_switched_to(*target) ? target : &now;
}

}  // namespace

Result<const Channel*> switch_channel(const Lookup& lookup, const Channel& start, const SwitchState& state) {
  const auto* now = &start;
  if (start.is(Kw::noswitchchannel)) return now;
  if (start.is(Kw::switchchannel) && !state.client_ip.empty()) {
    TRY(now, by_address(lookup, start, state.client_ip));
  }
  if (state.tls) now = by_name(lookup, *now, now->word(Kw::tlsswitchchannel));
  if (!state.sasl) return now;
  const bool by_user = now->is(Kw::userswitchchannel);
  now = by_name(lookup, *now, now->word(Kw::saslswitchchannel));
  if (by_user) now = by_name(lookup, *now, state.submit_channel);
  return now;
}

}  // namespace waxwing::mta
