#include "mta/address/resolve.h"

#include "common/mail/address.h"
#include "mta/address/mapping.h"
#include "mta/address/resolver.h"
#include "mta/address/reverse.h"

namespace waxwing::mta {
namespace {

using SenderOutcome = std::expected<std::string, AddressProblem>;

}  // namespace

Result<ResolveOutcome> resolve_recipient(const Lookup& lookup, const ResolveRequest& request) {
  return Resolver(lookup, request).run();
}

Result<SenderOutcome> resolve_sender(const Lookup& lookup, const ResolveRequest& request) {
  if (request.address.empty()) return SenderOutcome("");
  const auto spec = mail::parse_addr_spec(request.address);
  if (!spec)
    return SenderOutcome(std::unexpected(
        problem(501, "5.1.7", "bad address " + printable(request.address) + ": " + spec.error().text)));
  RewriteRequest rewriting;
  rewriting.local = spec->local_part;
  rewriting.domain = complete_domain(lookup, spec->domain, request.source, request.submission);
  rewriting.forward = false;
  rewriting.source = request.source;
  TRY(auto rewritten, rewrite(lookup, std::move(rewriting)));
  if (!rewritten) {
    if (rewritten.error().status == "5.1.2") rewritten.error().status = "5.1.8";
    return SenderOutcome(std::unexpected(rewritten.error()));
  }
  auto address = mail::format_addr_spec(rewritten->local, rewritten->domain);
  if (!lookup.config.options().flag(Opt::REVERSE_ENVELOPE)) return SenderOutcome(std::move(address));
  TRY(address, reverse_address(lookup, address, request.source, nullptr, true));
  return SenderOutcome(std::move(address));
}

Result<std::string> resolve_header_address(const Lookup& lookup, std::string_view address, Pointing pointing,
                                           const Channel* source, const Channel* destination) {
  const auto spec = mail::parse_addr_spec(address);
  if (!spec) return std::string(address);
  RewriteRequest rewriting;
  rewriting.local = spec->local_part;
  rewriting.domain = complete_domain(lookup, spec->domain, source, source && source->is(Kw::submit));
  rewriting.envelope = false;
  rewriting.forward = pointing == Pointing::forward;
  rewriting.source = source;
  rewriting.destination = destination;
  TRY(auto rewritten, rewrite(lookup, rewriting));
  auto result = rewritten ? mail::format_addr_spec(rewritten->local, rewritten->domain)
                          : mail::format_addr_spec(spec->local_part, rewriting.domain);
  const bool reversal = (pointing == Pointing::backward || reverses_forward(lookup)) &&
                        !(destination && destination->is(Kw::noreverse));
  if (!reversal) return result;
  return reverse_address(lookup, result, source, destination, false);
}

}  // namespace waxwing::mta
