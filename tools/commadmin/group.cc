#include <algorithm>
#include <span>

#include "common/base/strings.h"
#include "tools/commadmin/commands.h"
#include "tools/commadmin/missing.h"

namespace waxwing::commadmin {

namespace {
using Kind = Field::Kind;
constexpr Field kFields[] = {
    {"mail", "mail", Kind::address},
    {"alternate", "mailAlternateAddress", Kind::address},
    {"equivalent", "mailEquivalentAddress", Kind::address},
    {"delivery", "mailDeliveryOption"},
    {"forward", "mailForwardingAddress", Kind::address},
    {"status", "inetMailGroupStatus", Kind::status},
    {"mail-host", "mailHost"},
    {"errors-to", "mgrpErrorsTo"},
};

struct Members {
  std::vector<std::string> dns, addresses;
};

// A DN stays one; a login, or an address of an entry in the directory, becomes the DN of that entry; any
// other address stays one.
Result<Members> resolve(Session& session, const Home& home, const std::vector<std::string>& who) {
  Members members;
  for (const auto& one : who) {
    if (one.empty()) continue;
    if (one.find('=') != std::string::npos) {
      TRY(const auto entries, session.editor.search(one, 0, "(objectClass=*)", {"1.1"}));
      if (entries.empty())
        return permanent("there is no entry " + printable(one) +
                         " in the directory; give its DN as it is, or a login, or an address");
      members.dns.push_back(entries[0].dn);
      continue;
    }
    const bool is_address = one.find('@') != std::string::npos;
    const auto safe = directory::escape_filter(one);
    const auto filter = is_address ? "(|(mail=" + safe + ")(mailAlternateAddress=" + safe +
                                         ")(mailEquivalentAddress=" + safe + "))"
                                   : "(&(objectClass=inetMailUser)(uid=" + safe + "))";
    TRY(const auto entry,
        find_one(session, is_address ? session.settings.base_dn : home.base_dn, filter, one));
    if (entry) {
      members.dns.push_back(entry->dn);
    } else if (is_address) {
      TRY(auto address, check_address(one));
      members.addresses.push_back(std::move(address));
    } else {
      return no_such_user(session, home, one);
    }
  }
  return members;
}

Result<Entry> find_group(Session& session, const Home& home, const std::string& name) {
  TRY(auto entry,
      find_one(session, home.base_dn,
               "(&(objectClass=inetMailGroup)(cn=" + directory::escape_filter(name) + "))", "group " + name));
  if (!entry) return no_such_group(session, home, name);
  return std::move(*entry);
}

Result<std::string> create(Session& session) {
  const auto& arguments = session.arguments;
  TRY(const auto home, find_home(session));
  TRY(const auto name, arguments.need("name"));
  TRY(auto attributes, collect(arguments, kFields));
  TRY(const auto members, resolve(session, home, arguments.all("member")));
  TRY(const auto owners, resolve(session, home, arguments.all("owner")));
  put_default(attributes, "objectClass",
              {"top", "groupOfURLs", "inetMailGroup", "inetLocalMailRecipient", "inetMailGroupManagement"});
  put_default(attributes, "cn", {name});
  put_default(attributes, "mail", {name + "@" + home.name});
  put_default(attributes, "mailHost", {to_lower(home.mail_host)});
  put_default(attributes, "inetMailGroupStatus", {"active"});
  put_default(attributes, "owner", owners.dns);
  const auto dn = "cn=" + directory::escape_dn(name) + ",ou=Groups," + home.base_dn;
  put_default(attributes, "uniqueMember", members.dns);
  put_default(attributes, "mgrpRFC822MailMember", members.addresses);
  TRY_VOID(check_address(values_in(attributes, "mail").front()));
  TRY_VOID(check_addresses_free(session, addresses_of(attributes), dn));
  TRY_VOID(session.editor.add({dn, std::move(attributes)}));
  return "group " + name + " made: " + dn + "\n";
}

// Takes one member out. An address may stand as itself, or for the entry that it belongs to.
Result<> take_out(Session& session, const Home& home, const std::string& who, Members& members) {
  const auto count = [&] { return members.dns.size() + members.addresses.size(); };
  const auto before = count();
  std::erase_if(members.addresses, [&](const auto& old) { return iequals(old, who); });
  std::erase_if(members.dns, [&](const auto& old) { return directory::same_dn(old, who); });
  if (count() != before) return {};
  TRY(const auto gone, resolve(session, home, {who}));
  std::erase_if(members.dns, [&](const auto& old) {
    return std::ranges::any_of(gone.dns, [&](const auto& dn) { return directory::same_dn(old, dn); });
  });
  return count() != before ? Result<>()
                           : permanent(printable(who) + " is no member of " + session.arguments.get("name"));
}

// Who is in it after --member, --add-member and --remove-member.
Result<Members> members_after(Session& session, const Home& home, const Entry& entry) {
  const auto& arguments = session.arguments;
  Members members{entry.values("uniqueMember"), entry.values("mgrpRFC822MailMember")};
  if (arguments.has("member")) {
    TRY(members, resolve(session, home, arguments.all("member")));
  }
  TRY(const auto more, resolve(session, home, arguments.all("add-member")));
  for (const auto& dn : more.dns)
    if (std::ranges::none_of(members.dns, [&](const auto& old) { return directory::same_dn(old, dn); }))
      members.dns.push_back(dn);
  for (const auto& address : more.addresses)
    if (std::ranges::none_of(members.addresses, [&](const auto& old) { return iequals(old, address); }))
      members.addresses.push_back(address);
  for (const auto& who : arguments.all("remove-member")) TRY_VOID(take_out(session, home, who, members));
  return members;
}

Result<std::string> modify(Session& session) {
  const auto& arguments = session.arguments;
  TRY(const auto home, find_home(session));
  TRY(const auto name, arguments.need("name"));
  TRY(const auto entry, find_group(session, home, name));
  TRY(auto changes, collect_changes(arguments, kFields));
  TRY_VOID(check_addresses_free(session, addresses_of(changes), entry.dn));
  if (arguments.has("member") || arguments.has("add-member") || arguments.has("remove-member")) {
    TRY(auto members, members_after(session, home, entry));
    changes.push_back({Editor::Change::Kind::replace, "uniqueMember", std::move(members.dns)});
    changes.push_back({Editor::Change::Kind::replace, "mgrpRFC822MailMember", std::move(members.addresses)});
  }
  if (arguments.has("owner")) {
    TRY(auto owners, resolve(session, home, arguments.all("owner")));
    changes.push_back({Editor::Change::Kind::replace, "owner", std::move(owners.dns)});
  }
  if (changes.empty()) return permanent("nothing to change: give at least one option besides --name");
  TRY_VOID(session.editor.modify(entry.dn, changes));
  return "group " + name + " changed\n";
}

Result<std::string> remove(Session& session) {
  TRY(const auto home, find_home(session));
  TRY(const auto name, session.arguments.need("name"));
  TRY(const auto entry, find_group(session, home, name));
  return remove_entry(session, "group " + name, entry.dn, {"inetMailGroupStatus"});
}

Result<std::string> search(Session& session) {
  const auto& arguments = session.arguments;
  TRY(const auto base, search_base(session));
  std::string filter = "(&(objectClass=inetMailGroup)";
  if (arguments.has("name")) filter += wildcard_filter("cn", arguments.get("name"));
  if (arguments.has("mail")) filter += wildcard_filter("mail", arguments.get("mail"));
  filter += arguments.get("filter") + ")";
  TRY(auto entries, session.editor.search(base, 2, filter));
  return listing(arguments, entries, {"cn", "mail", "inetMailGroupStatus"});
}
}  // namespace

const Actions kGroupActions{create, modify, remove, search};

}  // namespace waxwing::commadmin
