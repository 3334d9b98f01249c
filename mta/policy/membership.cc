#include "mta/policy/membership.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <vector>

#include "common/base/strings.h"
#include "common/directory/would_block.h"
#include "mta/address/ldap_value.h"

namespace waxwing::mta {

namespace {

constexpr int kDeepest = 5;
constexpr std::size_t kMostGroups = 1000;  // looked into for one question

// The search of a dynamic group, for one of its members: ldap:///base?attributes?scope?filter.
std::string narrowed(std::string_view url, std::string_view address) {
  auto parts = split(url, '?');
  parts.resize(4);
  const auto scope = parts[2].empty() ? std::string_view("sub") : parts[2];
  const std::string filter(parts[3].empty() ? std::string_view("(objectClass=*)") : parts[3]);
  const auto value = quote_for_ldap_url(address);
  return std::string(parts[0]) + "?mail?" + std::string(scope) + "?(&" + filter + "(|(mail=" + value +
         ")(mailAlternateAddress=" + value + ")))";
}

class Membership {
 public:
  Membership(const Lookup& lookup, const directory::User& user) : lookup_(lookup), user_(user) {}

  Result<bool> in(const directory::Group& group, int depth) {
    if (!seen_.insert(to_lower(group.dn)).second || seen_.size() > kMostGroups) return false;
    if (std::ranges::any_of(group.rfc822_members, [&](const auto& each) { return is_user(each); }))
      return true;
    if (std::ranges::any_of(group.member_dns,
                            [&](const auto& dn) { return directory::same_dn(dn, user_.dn); }))
      return true;
    for (const auto& url : group.member_urls) {
      TRY(const auto found, lookup_.directory->search(narrowed(url, user_.mail), lookup_.ask));
      if (!found->empty()) return true;
    }
    return depth < kDeepest ? in_a_group_of(group, depth) : Result<bool>(false);
  }

 private:
  Result<bool> in_a_group_of(const directory::Group& group, int depth) {
    for (const auto& dn : group.member_dns) {
      if (istarts_with(dn, "uid=")) continue;
      TRY(const auto member, lookup_.directory->by_dn(dn, lookup_.ask));
      if (!member->group) continue;
      TRY(const bool inside, in(*member->group, depth + 1));
      if (inside) return true;
    }
    return false;
  }
  bool is_user(std::string_view address) const {
    return iequals(address, user_.mail) ||
           std::ranges::any_of(user_.alternate_addresses,
                               [&](const auto& each) { return iequals(each, address); });
  }

  const Lookup& lookup_;
  const directory::User& user_;
  std::set<std::string> seen_;
};

// A group of this host: whose primary group it is, or who is named in it.
Result<bool> in_host_group(const Lookup& lookup, const std::string& user, const std::string& group) {
  if (lookup.ask == Ask::cache_only) return std::unexpected(directory::would_block());
  std::vector<char> room(1 << 16);
  ::group entry{};
  ::group* found = nullptr;
  if (::getgrnam_r(group.c_str(), &entry, room.data(), room.size(), &found) != 0 || !found) return false;
  for (char** member = found->gr_mem; *member; ++member)
    if (user == *member) return true;
  std::vector<char> more_room(1 << 14);
  ::passwd account{};
  ::passwd* person = nullptr;
  return ::getpwnam_r(user.c_str(), &account, more_room.data(), more_room.size(), &person) == 0 && person &&
         person->pw_gid == entry.gr_gid;
}

}  // namespace

Result<bool> is_in_group(const Lookup& lookup, std::string_view user, std::string_view group) {
  if (user.empty() || group.empty()) return false;
  if (group.find('@') == group.npos)
    return in_host_group(lookup, std::string(user.substr(0, user.find('@'))), std::string(group));
  if (!lookup.directory) return temporary("the directory cannot be asked");
  TRY(const auto of, lookup.directory->by_address(group, lookup.ask));
  if (!of->group) return false;
  TRY(const auto who, lookup.directory->by_address(user, lookup.ask));
  if (who->user) return Membership(lookup, *who->user).in(*of->group, 0);
  directory::User stranger;
  stranger.mail = user;
  return Membership(lookup, stranger).in(*of->group, 0);
}

}  // namespace waxwing::mta
