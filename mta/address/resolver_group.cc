// Groups: status, access, members.
#include "mta/address/resolver.h"

namespace waxwing::mta {
namespace {

using directory::Status;

std::string without_scheme(std::string_view address) {
  if (istarts_with(address, "mailto:")) address.remove_prefix(7);
  return std::string(address);
}

// expandable, else mgmanMemberVisibility, else EXPANDABLE_DEFAULT.
bool shows_members(const directory::Group& group, const MtaOptions& options, const ResolveRequest& request) {
  if (group.expandable) return *group.expandable;
  const auto& to = group.member_visibility;
  if (to == "anyone") return true;
  if (to == "all" || to == "true") return !request.auth_sender.empty();
  return to.empty() && options.flag(Opt::EXPANDABLE_DEFAULT);
}

}  // namespace

Trouble Resolver::group(const directory::Match& match, const Rewritten& at, const Frame& frame) {
  const auto& group = *match.group;
  const auto address = mail::format_addr_spec(at.local, at.domain);
  lookup_.say([&] { return "  group " + group.dn + ", " + directory::to_string(group.status); });
  const auto domain_status = group.domain ? group.domain->status : Status::active;
  if (auto refused = status_problem(domain_status, address, false)) return refused;
  if (auto refused = status_problem(group.status, address, true)) return refused;
  if (domain_status == Status::hold || group.status == Status::hold) return hold(address, frame, nullptr);
  if (request_.expand && !shows_members(group, lookup_.config.options(), request_))
    return problem(550, "5.7.1", "the members of " + printable(address) + " are not shown");
  bool to_moderator = false;
  auto refusal = group_refusal(lookup_, group, request_, to_moderator);
  if (!refusal) return directory_trouble(refusal.error(), address);
  if (*refusal && !to_moderator) return std::move(**refusal);
  if (!first_visit("entry:" + group.dn)) return std::nullopt;

  Frame below = frame;
  ++below.depth;
  below.via_alias = true;
  if (to_moderator) return moderators(group, below);
  if (const auto host = detour(group.entry); !host.empty()) return route_to(host, address, below);
  if (!group.mail_host.empty() && !lookup_.config.is_local_host(group.mail_host))
    return route_to(group.mail_host, address, below);
  auto use = use_of(group);
  if (is_for_later(group.delivery_options)) use.wish = "yes";
  if (is_left_to_process(use, frame)) return leave_to_process(use, at, below);
  if (frame.depth == 0) running_ = use.id;
  if (is_asked_for_head(frame)) return result_.list = effects_of(group), std::nullopt;
  below.from_list = true;
  if (!group.errors_to.empty()) below.envelope_from = without_scheme(group.errors_to);
  const auto before = count_ + result_.problem_count;
  TRY(auto trouble, group_options(group, at, below));
  if (trouble) return trouble;
  if (frame.depth == 0 && before == count_ + result_.problem_count)
    return problem(550, "5.2.4", "group " + printable(address) + " has no members");
  return std::nullopt;
}

Trouble Resolver::moderators(const directory::Group& group, const Frame& frame) {
  for (const auto& moderator : group.moderators) {
    TRY(auto trouble, member(text(moderator, frame), moderator));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

// Each mailDeliveryOption of the entry, as DELIVERY_OPTIONS has it.
Trouble Resolver::group_options(const directory::Group& group, const Rewritten& at, const Frame& frame) {
  for (const auto& name : group.delivery_options) {
    const auto* option = lookup_.config.delivery_options().find(name);
    if (!option || (option->users && !option->groups))
      return problem(451, "4.3.5",
                     "mailDeliveryOption " + printable(name) + " of group " + printable(group.dn) +
                         " is not one for groups in DELIVERY_OPTIONS");
    using Target = DeliveryOption::Target;
    TRY(auto trouble, option->target == Target::members    ? members(group, frame)
                      : option->target == Target::forwards ? forwards(group, frame)
                                                           : group_address(*option, group, at, frame));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

Trouble Resolver::forwards(const directory::Group& group, const Frame& frame) {
  for (const auto& to : group.forwarding_addresses) {
    TRY(auto trouble, member(text(to, frame), to));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

Trouble Resolver::group_address(const DeliveryOption& option, const directory::Group& group,
                                const Rewritten& at, const Frame& frame) {
  DeliveryValues values;
  values.address = mail::format_addr_spec(at.local, at.domain);
  values.local_part = at.local;
  values.domain = at.domain;
  values.uid = values.mailbox = group.common_name;
  values.file = group.delivery_file_url;
  values.program = group.program_delivery.empty() ? "" : group.program_delivery.front();
  const auto made = fill_delivery_template(option.address_template, values);
  if (!made) return problem(451, "4.3.5", printable(group.dn) + ": " + made.error().text);
  Frame held = frame;
  held.hold = frame.hold || option.hold;
  return made_address(*made, values.address, held, nullptr);
}

Trouble Resolver::members(const directory::Group& group, const Frame& frame) {
  for (const auto& address : group.rfc822_members) {
    TRY(auto trouble, member(text(address, frame), address));
    if (trouble) return trouble;
  }
  for (const auto& dn : group.member_dns) {
    TRY(auto trouble, member(member_dn(dn, frame), dn));
    if (trouble) return trouble;
  }
  for (const auto& url : group.member_urls) {
    TRY(auto trouble, member(member_url(url, frame), url));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

Trouble Resolver::member_dn(const std::string& dn, const Frame& frame) {
  if (!lookup_.directory) return problem(451, "4.4.3", "the directory cannot be asked; try again later");
  lookup_.say([&] { return "  member " + dn; });
  auto match = lookup_.directory->by_dn(dn, lookup_.ask);
  if (!match) return directory_trouble(match.error(), dn);
  const auto& found = **match;
  const auto address = found.user ? found.user->mail : found.group ? found.group->mail : found.contact_mail;
  if (!found.found()) return problem(550, "5.1.1", "member " + printable(dn) + " is not in the directory");
  if (address.empty()) return problem(550, "5.1.1", "member " + printable(dn) + " has no mail address");
  return text(address, frame);
}

Trouble Resolver::member_url(const std::string& url, const Frame& frame) {
  if (!lookup_.directory) return problem(451, "4.4.3", "the directory cannot be asked; try again later");
  if (!istarts_with(url, "ldap:")) return text(url, frame);
  lookup_.say([&] { return "  members by " + url; });
  if (request_.sink) return every_member_of(url, frame);
  auto entries = lookup_.directory->search(url, lookup_.ask);
  if (!entries) return directory_trouble(entries.error(), url);
  for (const auto& entry : **entries) {
    const auto address = entry.first("mail");
    if (address.empty()) continue;
    TRY(auto trouble, member(text(address, frame), std::string(address)));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

// However many there are: 25 bytes or so each, then one after the other.
Trouble Resolver::every_member_of(const std::string& url, const Frame& frame) {
  auto found = lookup_.directory->search_addresses(url);
  if (!found) return directory_trouble(found.error(), url);
  for (std::size_t at = 0; at < found->size();) {
    const auto end = found->find('\n', at);
    const auto address = found->substr(at, end - at);
    at = end + 1;
    TRY(auto trouble, member(text(address, frame), address));
    if (trouble) return trouble;
  }
  return std::nullopt;
}

}  // namespace waxwing::mta
