// Who may write to a group: the mgrp* attributes, in the order the schema reference gives them.
#include <algorithm>

#include "mta/address/resolver.h"
#include "mta/config/mappings.h"

namespace waxwing::mta {
namespace {

bool is_password_policy(std::string_view word) {
  return word == "password_required" || word == "passwd_required" || word == "passwd_req";
}

// A glob of mgrpAllowedDomain: *.example.com.
bool fits_domain(std::string_view glob, std::string_view domain) {
  const auto pattern = compile_pattern(replace_all(replace_all(std::string(glob), "$", "$$"), "%", "$%"));
  std::vector<std::string_view> saved;
  return pattern && match_pattern(*pattern, domain, saved, nullptr, 10000);
}

class Check {
 public:
  Check(const Lookup& lookup, const directory::Group& group, const ResolveRequest& request)
      : lookup_(lookup),
        group_(group),
        request_(request),
        sender_(request.auth_sender.empty() ? request.envelope_from : request.auth_sender) {}

  Result<std::optional<AddressProblem>> run(bool& to_moderator) {
    const bool moderated = iequals(group_.reject_action, "tomoderator") && !group_.moderators.empty();
    bool allowed = is_moderator();
    if (!allowed) {
      TRY(const auto verdict, clauses());
      allowed = verdict.value_or(!moderated);
    }
    if (!allowed) {
      to_moderator = moderated;
      return problem(550, "5.7.1",
                     group_.reject_text.empty() ? "you are not allowed to write to this list"
                                                : printable(group_.reject_text));
    }
    if (group_.message_max_bytes && *group_.message_max_bytes >= 0 &&
        request_.size_bytes > static_cast<std::uint64_t>(*group_.message_max_bytes))
      return problem(552, "5.2.3", "the message is larger than this list takes");
    return std::nullopt;
  }

 private:
  bool is_moderator() const {
    return std::ranges::any_of(group_.moderators, [&](const auto& each) {
      return is_sender(istarts_with(each, "mailto:") ? std::string_view(each).substr(7) : each);
    });
  }

  // With OR_CLAUSES one fulfilled clause is enough, else each must be. Nothing: there is none.
  Result<std::optional<bool>> clauses() {
    const bool any = lookup_.config.options().flag(Opt::OR_CLAUSES);
    bool pending = false, used = false;
    for (int clause = 0; clause < 5; ++clause) {
      TRY(auto verdict, this->clause(clause));
      if (!verdict) continue;
      used = true;
      if (*verdict && any) return true;
      if (!*verdict && !any) return false;
      pending = pending || !*verdict;
    }
    if (!used) return std::nullopt;
    // The password may still be in the message: the process channel asks again.
    return !pending || (any && awaits_password());
  }

  bool awaits_password() const { return request_.lists == Lists::defer && asks_password(group_); }

  // Nothing: the group does not use this clause.
  Result<std::optional<bool>> clause(int number) {
    switch (number) {
      case 0:
        return policy();
      case 1:
        if (group_.allowed_domains.empty()) return std::nullopt;
        return in_domains(group_.allowed_domains);
      case 2:
        if (group_.disallowed_domains.empty()) return std::nullopt;
        return !in_domains(group_.disallowed_domains);
      case 3:
        return listed(group_.allowed_broadcasters, true);
      default:
        return listed(group_.disallowed_broadcasters, false);
    }
  }

  // mgrpBroadcasterPolicy. A password stands in the message (Approved:); until that is here it decides nothing.
  std::optional<bool> policy() const {
    const auto& words = group_.broadcaster_policy;
    const bool any = std::ranges::find(words, "or") != words.end();
    std::optional<bool> verdict;
    for (const auto& word : words) {
      bool met = false;
      if (word == "smtp_auth_required" || word == "auth_req")
        met = !request_.auth_sender.empty();
      else if (!is_password_policy(word) || awaits_password())
        continue;
      else
        met = !group_.auth_password.empty() && request_.approved == group_.auth_password;
      verdict = !verdict ? met : any ? *verdict || met : *verdict && met;
    }
    if (any && verdict == false && awaits_password()) return std::nullopt;
    return verdict;
  }

  bool in_domains(const std::vector<std::string>& globs) const {
    const auto at = sender_.rfind('@');
    const auto domain =
        at == std::string::npos ? std::string_view{} : std::string_view(sender_).substr(at + 1);
    return std::ranges::any_of(globs, [&](const auto& glob) { return fits_domain(glob, domain); });
  }

  Result<std::optional<bool>> listed(const std::vector<std::string>& list, bool verdict_when_found) {
    if (list.empty()) return std::nullopt;
    for (const auto& item : list) {
      TRY(auto found, names_sender(item));
      if (found) return verdict_when_found;
    }
    return !verdict_when_found;
  }

  bool is_sender(std::string_view address) const { return !sender_.empty() && iequals(address, sender_); }

  bool owns_sender(const std::string& mail, const std::vector<std::string>& alternates) const {
    return is_sender(mail) ||
           std::ranges::any_of(alternates, [&](const auto& each) { return is_sender(each); });
  }

  // mailto:address, address, DN of a user or group, LDAP URL.
  Result<bool> names_sender(std::string_view item) {
    if (istarts_with(item, "mailto:")) return is_sender(item.substr(7));
    if (!lookup_.directory) return is_sender(item);
    if (istarts_with(item, "ldap:")) {
      TRY(auto entries, lookup_.directory->search(item, lookup_.ask));
      for (const auto& entry : *entries)
        for (const auto* name : {"mail", "mailAlternateAddress", "mailEquivalentAddress"})
          for (const auto& value : entry.values(name))
            if (is_sender(value)) return true;
      return false;
    }
    if (item.find('=') == item.npos) return is_sender(item);
    TRY(auto match, lookup_.directory->by_dn(item, lookup_.ask));
    if (match->user) return owns_sender(match->user->mail, match->user->alternate_addresses);
    if (match->group) return in_group(*match->group);
    return is_sender(match->contact_mail);
  }

  Result<bool> in_group(const directory::Group& group) {
    if (owns_sender(group.mail, group.rfc822_members)) return true;
    TRY(auto sender, lookup_.directory->by_address(sender_, lookup_.ask));
    if (!sender->user) return false;
    return std::ranges::any_of(group.member_dns,
                               [&](const auto& dn) { return directory::same_dn(dn, sender->user->dn); });
  }

  const Lookup& lookup_;
  const directory::Group& group_;
  const ResolveRequest& request_;
  std::string sender_;
};

}  // namespace

bool asks_password(const directory::Group& group) {
  return std::ranges::any_of(group.broadcaster_policy, is_password_policy);
}

Result<std::optional<AddressProblem>> group_refusal(const Lookup& lookup, const directory::Group& group,
                                                    const ResolveRequest& request, bool& to_moderator) {
  return Check(lookup, group, request).run(to_moderator);
}

}  // namespace waxwing::mta
