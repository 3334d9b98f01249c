// Who may write to a list of the aliases file, what is held, what goes to its moderators.
#include <algorithm>

#include "mta/address/ldap_value.h"
#include "mta/address/mapping.h"
#include "mta/address/resolver.h"
#include "mta/config/mappings.h"

namespace waxwing::mta {
namespace {

bool fits(std::string_view glob, std::string_view text) {
  const auto pattern = compile_pattern(replace_all(std::string(glob), "$", "$$"));
  std::vector<std::string_view> saved;
  return pattern && match_pattern(*pattern, text, saved, nullptr, 10000);
}

class ListCheck {
 public:
  ListCheck(const Lookup& lookup, const Alias& alias, const ResolveRequest& request)
      : lookup_(lookup),
        alias_(alias),
        request_(request),
        sender_(request.auth_sender.empty() ? request.envelope_from : request.auth_sender) {}

  Result<ListVerdict> run() {
    const auto& list = alias_.list;
    ListVerdict verdict;
    const bool any = list.any.value_or(lookup_.config.options().flag(Opt::OR_CLAUSES));
    TRY(const bool allowed, fulfilled(list.access, any, true, {1, 4}));
    if (!allowed) verdict.refusal = problem(550, "5.7.1", "you are not allowed to write to this list");
    const auto block = std::max<std::int64_t>(1, lookup_.config.options().number(Opt::BLOCK_SIZE));
    if (list.block_limit > 0 && request_.size_bytes > static_cast<std::uint64_t>(list.block_limit * block))
      verdict.refusal = problem(552, "5.2.3", "the message is larger than this list takes");
    if (verdict.refusal) return verdict;
    TRY(verdict.hold, fulfilled(list.holding, true, false, {32, 64}));
    if (list.moderators.empty()) return verdict;
    const bool is_moderator = std::ranges::any_of(list.moderators, [&](const auto& each) {
      return iequals(each.address, each.authenticated ? request_.auth_sender : sender_);
    });
    TRY(const bool free, fulfilled(list.moderator_access, true, false, {2, 2}));
    verdict.to_moderators = !is_moderator && !free;
    return verdict;
  }

 private:
  // Bits of INCLUDE_CONNECTIONINFO.
  struct ProbeBits {
    std::int64_t wanted, unwanted;
  };
  // when_empty: the answer where there is no clause at all.
  Result<bool> fulfilled(const std::vector<ListClause>& clauses, bool any, bool when_empty, ProbeBits bits) {
    for (const auto& clause : clauses) {
      TRY(const bool yes, matches(clause, clause.wanted ? bits.wanted : bits.unwanted));
      if ((yes == clause.wanted) == any) return any;
    }
    return clauses.empty() ? when_empty : !any;
  }

  Result<bool> matches(const ListClause& clause, std::int64_t probe_bit) {
    if (clause.authenticated && request_.auth_sender.empty()) return false;
    switch (clause.asks) {
      case ListClause::Asks::channel:
        return fits_one(clause, request_.source ? request_.source->name() : "");
      case ListClause::Asks::mapping: {
        auto probe = alias_.name + "|" + request_.envelope_from + "|" + request_.auth_sender;
        if (lookup_.config.options().number(Opt::INCLUDE_CONNECTIONINFO) & probe_bit)
          probe.insert(0, request_.connection);
        TRY(const auto answer, apply_mapping(lookup_, clause.table, probe));
        return answer.matched && answer.flags.has('Y');
      }
      case ListClause::Asks::username:
        return names(clause, request_.auth_sender);
      case ListClause::Asks::sender:
        break;
    }
    return names(clause, sender_);
  }

  static bool fits_one(const ListClause& clause, std::string_view text) {
    return std::ranges::any_of(clause.patterns, [&](const auto& pattern) { return fits(pattern, text); });
  }

  Result<bool> names(const ListClause& clause, const std::string& who) {
    if (who.empty()) return false;
    if (fits_one(clause, who)) return true;
    for (const auto& url : clause.urls) {
      if (!lookup_.directory) return std::unexpected(directory_missing());
      TRY(const auto entries, lookup_.directory->search(url, lookup_.ask));
      for (const auto& entry : *entries)
        for (const auto* name : {"mail", "mailAlternateAddress", "mailEquivalentAddress"})
          for (const auto& value : entry.values(name))
            if (iequals(value, who)) return true;
    }
    return false;
  }

  const Lookup& lookup_;
  const Alias& alias_;
  const ResolveRequest& request_;
  const std::string sender_;
};

}  // namespace

Result<ListVerdict> list_verdict(const Lookup& lookup, const Alias& alias, const ResolveRequest& request) {
  return ListCheck(lookup, alias, request).run();
}

}  // namespace waxwing::mta
