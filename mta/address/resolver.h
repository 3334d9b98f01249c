// Resolver: expands one envelope address. Private to mta/address; callers use resolve.h.
//
// Every function answers nothing when all is well, or the problem; the error of Result is would-block or bug.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "common/mail/address.h"
#include "mta/address/resolve.h"
#include "mta/address/rewrite.h"
#include "mta/address/routed_address.h"
#include "mta/config/delivery_template.h"

namespace waxwing::mta {

using Trouble = Result<std::optional<AddressProblem>>;

// Where in the expansion we are: handed down, never changed by those below.
struct Frame {
  int depth = 0;
  bool from_list = false;
  bool hold = false;  // a list above says so
  bool via_alias = false;
  bool forwarded = false;     // FORWARD has been applied
  std::string envelope_from;  // of the innermost list that has an errors-to address
  std::string notify;         // of the innermost list that says something
  std::string tags;           // of all lists
  std::string rewritten;      // first address after rewriting
  std::string rewritten_channel;
};

class Resolver {
 public:
  Resolver(const Lookup& lookup, const ResolveRequest& request) : lookup_(lookup), request_(request) {}
  Result<ResolveOutcome> run();

 private:
  // resolver.cc: the walk.
  Trouble address(const RoutedAddress& at, const Frame& frame);
  Trouble text(std::string_view text, const Frame& frame);
  Trouble returning(const mail::AddrSpec& spec, const Frame& frame);
  Trouble local(const Rewritten& at, const Frame& frame);
  Trouble arrived(const Rewritten& at, const std::string& expanded, const Frame& frame,
                  const directory::User* user);
  // What lists and aliases above say of it.
  static Recipient recipient_below(const Frame& frame);
  bool is_repeated(const Recipient& recipient);
  Trouble forward_table(const Rewritten& at, const Frame& frame, bool& taken);
  std::vector<std::string> alias_names(const Rewritten& at) const;
  Trouble alias_file(const Rewritten& at, const Frame& frame, bool& found);
  Trouble alias_database(const Rewritten& at, const Frame& frame, bool& found);
  Trouble alias(const Alias& alias, const Rewritten& at, const Frame& frame);
  Trouble alias_members(const Alias& alias, const Frame& frame);
  Trouble list_access(const Alias& alias, Frame& below, bool& done);
  Trouble not_found(const Rewritten& at, const directory::MatchRef& match, const Frame& frame);
  Trouble for_the_domain(const directory::Domain& domain, const Rewritten& at, const Frame& frame,
                         bool& taken);
  Result<directory::MatchRef> directory_match(const Rewritten& at, std::string& subaddress);
  bool is_bare_alias_host(const std::string& domain) const;

  // resolver_user.cc: entries of users.
  Trouble user(const directory::Match& match, const Rewritten& at, const std::string& subaddress,
               const Frame& frame);
  Trouble user_option(const directory::User& user, const DeliveryOption& option, const DeliveryValues& values,
                      const Frame& frame);
  Trouble autoreply(const directory::User& user, const DeliveryOption& option, const Rewritten& at,
                    const Frame& frame);
  std::string detour(const directory::Entry& entry) const;
  Trouble route_to(const std::string& host, const std::string& address, const Frame& frame);
  Trouble made_address(const std::string& made, const std::string& expanded, const Frame& frame,
                       const directory::User* user);
  Trouble hold(const std::string& address, const Frame& frame, const directory::User* user);
  std::optional<AddressProblem> status_problem(directory::Status status, const std::string& address,
                                               bool group) const;

  // resolver_group.cc: entries of groups.
  Trouble group(const directory::Match& match, const Rewritten& at, const Frame& frame);
  Trouble moderators(const directory::Group& group, const Frame& frame);
  Trouble group_options(const directory::Group& group, const Rewritten& at, const Frame& frame);
  Trouble forwards(const directory::Group& group, const Frame& frame);
  Trouble group_address(const DeliveryOption& option, const directory::Group& group, const Rewritten& at,
                        const Frame& frame);
  Trouble members(const directory::Group& group, const Frame& frame);
  Trouble member_dn(const std::string& dn, const Frame& frame);
  Trouble member_url(const std::string& url, const Frame& frame);
  Trouble every_member_of(const std::string& url, const Frame& frame);
  Trouble member(Trouble outcome, const std::string& who);

  // resolver_list.cc: lists that wait for the process channel.
  struct ListUse {
    std::string id;              // the same each time
    bool needs_message = false;  // sees or changes it
    bool large = false;
    std::string_view wish;  // mailDeferProcessing: "yes", "no" or nothing
  };
  static ListUse use_of(const directory::Group& group);
  static ListUse use_of(const Alias& alias);
  bool is_left_to_process(const ListUse& use, const Frame& frame) const;
  bool is_for_later(const std::vector<std::string>& delivery_options) const;
  bool is_asked_for_head(const Frame& frame) const {
    return request_.lists == Lists::head && frame.depth == 0;
  }
  Trouble leave_to_process(const ListUse& use, const Rewritten& at, const Frame& frame);
  Trouble hand_over(Recipient recipient);

  bool first_visit(const std::string& what);
  Trouble database_trouble(const Error& error) const;
  Trouble directory_trouble(const Error& error, const std::string& address) const;

  const Lookup& lookup_;
  const ResolveRequest& request_;
  Resolution result_;
  std::size_t count_ = 0;  // recipients handed over
  // 128 bits of each name: a list may have a hundred thousand members.
  struct Mark {
    std::uint64_t high, low;
    bool operator==(const Mark&) const = default;
  };
  struct MarkHash {
    std::size_t operator()(const Mark& mark) const { return mark.low; }
  };
  static Mark mark_of(std::string_view text);
  std::unordered_set<Mark, MarkHash> seen_, delivered_;
  std::string running_;  // id of the list that process is at
};

// What a list of the aliases file does with what this sender writes. Errors: those of the directory.
struct ListVerdict {
  std::optional<AddressProblem> refusal;
  bool hold = false;
  bool to_moderators = false;
};
Result<ListVerdict> list_verdict(const Lookup& lookup, const Alias& alias, const ResolveRequest& request);

// May this sender write to the group? Nothing: yes. mgrp* attributes in their documented order; to_moderator
// is set when a refused message goes to the moderators instead.
Result<std::optional<AddressProblem>> group_refusal(const Lookup& lookup, const directory::Group& group,
                                                    const ResolveRequest& request, bool& to_moderator);
// Does its mgrpBroadcasterPolicy ask for a password, which stands in the message?
bool asks_password(const directory::Group& group);

}  // namespace waxwing::mta
