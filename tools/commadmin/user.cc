#include <algorithm>
#include <atomic>
#include <span>
#include <thread>

#include "common/base/strings.h"
#include "tools/commadmin/commands.h"
#include "tools/commadmin/missing.h"

namespace waxwing::commadmin {

namespace {
using Kind = Field::Kind;
constexpr Field kFields[] = {
    {"first", "givenName"},
    {"last", "sn"},
    {"mail", "mail", Kind::address},
    {"alternate", "mailAlternateAddress", Kind::address},
    {"equivalent", "mailEquivalentAddress", Kind::address},
    {"quota", "mailQuota", Kind::size},
    {"message-quota", "mailMsgQuota", Kind::size},
    {"delivery", "mailDeliveryOption"},
    {"forward", "mailForwardingAddress", Kind::address},
    {"status", "mailUserStatus", Kind::status},
    {"mail-host", "mailHost"},
    {"partition", "mailMessageStore"},
    {"service-access", "mailAllowedServiceAccess"},
    {"language", "preferredLanguage"},
};

Result<> check_uid(const std::string& uid) {
  const bool good = !uid.empty() && uid.size() <= 128 && std::ranges::all_of(uid, [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '/' && c != '@' && c != '*';
  });
  if (good) return {};
  return permanent("'" + printable(uid) + "' cannot be a login: no blanks, /, @ and *, at most 128 bytes");
}

Result<Editor::NewEntry> new_user(Session& session, const Home& home, const std::string& uid) {
  const auto& arguments = session.arguments;
  TRY_VOID(check_uid(uid));
  TRY(auto attributes, collect(arguments, kFields));
  const auto& first = values_in(attributes, "givenName");
  const auto& last = values_in(attributes, "sn");
  std::string full = first.empty() ? "" : first[0];
  if (!last.empty()) full += (full.empty() ? "" : " ") + last[0];
  put_default(attributes, "objectClass",
              {"top", "person", "organizationalPerson", "inetOrgPerson", "inetUser", "ipUser", "inetMailUser",
               "inetLocalMailRecipient"});
  put_default(attributes, "uid", {uid});
  put_default(attributes, "cn", {full.empty() ? uid : full});
  put_default(attributes, "sn", {uid});
  put_default(attributes, "mail", {uid + "@" + home.name});
  put_default(attributes, "mailHost", {to_lower(home.mail_host)});
  put_default(attributes, "mailUserStatus", {"active"});
  put_default(attributes, "inetUserStatus", {"active"});
  std::vector<std::string> delivery = {"mailbox"};
  if (arguments.has("forward")) delivery.push_back("forward");
  put_default(attributes, "mailDeliveryOption", std::move(delivery));
  return Editor::NewEntry{"uid=" + directory::escape_dn(uid) + ",ou=People," + home.base_dn,
                          std::move(attributes)};
}

std::string uid_filter(const std::string& uid) {
  return "(&(objectClass=inetMailUser)(uid=" + directory::escape_filter(uid) + "))";
}

Result<Entry> find_user(Session& session, const Home& home, const std::string& uid) {
  TRY(auto entry, find_one(session, home.base_dn, uid_filter(uid), "user " + uid));
  if (!entry) return no_such_user(session, home, uid);
  return std::move(*entry);
}

// Every core hashes: a password costs a millisecond or two when its keys for SCRAM are made.
Result<> hash_all(Session& session, const std::vector<std::string>& passwords,
                  std::vector<Editor::NewEntry>& entries) {
  std::atomic<std::size_t> next{0};
  std::vector<Result<>> outcomes(entries.size());
  const auto work = [&] {
    for (std::size_t i = next++; i < entries.size(); i = next++) {
      auto values = password_values(session.config, passwords[i]);
      if (values)
        put(entries[i].attributes, "userPassword", std::move(*values));
      else
        outcomes[i] = std::unexpected(values.error());
    }
  };
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < std::clamp(std::thread::hardware_concurrency(), 1U, 16U); ++i)
    threads.emplace_back(work);
  work();
  threads.clear();
  for (const auto& outcome : outcomes) TRY_VOID(outcome);
  return {};
}

Result<std::string> create_many(Session& session, const Home& home) {
  const auto& arguments = session.arguments;
  TRY(const auto pattern, arguments.need("pattern"));
  TRY(const auto count, arguments.number("count", 0));
  TRY(const auto first, arguments.number("first-number", 1));
  if (count < 1 || count > 1'000'000) return permanent("--count must be from 1 to 1000000");
  for (const auto* single : {"uid", "mail", "alternate", "equivalent"})
    if (arguments.has(single)) return permanent(std::string("--") + single + " does not go with --count");
  std::optional<std::string> shared_password;
  if (!arguments.has("password-pattern")) {
    TRY(shared_password, read_password(arguments, false));
  }
  std::vector<Editor::NewEntry> entries;
  std::vector<std::string> passwords;
  for (std::int64_t number = first; number < first + count; ++number) {
    TRY(const auto uid, fill_pattern(pattern, number));
    TRY(auto entry, new_user(session, home, uid));
    entries.push_back(std::move(entry));
    if (arguments.has("password-pattern")) {
      TRY(auto password, fill_pattern(arguments.get("password-pattern"), number));
      passwords.push_back(std::move(password));
    } else if (shared_password) {
      passwords.push_back(*shared_password);
    }
  }
  if (!passwords.empty()) TRY_VOID(hash_all(session, passwords, entries));
  std::size_t made = 0;
  std::string problems;
  std::size_t failures = 0;
  TRY_VOID(session.editor.add_many(entries, [&](std::size_t, const Result<>& outcome) {
    if (outcome)
      ++made;
    else if (++failures <= 5)
      problems += "\n" + outcome.error().text;
  }));
  const auto summary = std::to_string(made) + " users made in domain " + home.name;
  if (failures > 0) return permanent(summary + ", " + std::to_string(failures) + " failed:" + problems);
  return summary + "\n";
}

Result<std::string> create(Session& session) {
  TRY(const auto home, find_home(session));
  if (session.arguments.has("count")) return create_many(session, home);
  TRY(const auto uid, session.arguments.need("uid"));
  TRY(auto entry, new_user(session, home, uid));
  TRY(const auto present, find_one(session, home.base_dn, uid_filter(uid), "user " + uid));
  if (present) return permanent("user " + uid + " exists already: " + present->dn);
  TRY_VOID(check_addresses_free(session, addresses_of(entry.attributes), entry.dn));
  TRY(const auto password, read_password(session.arguments, false));
  if (password) {
    TRY(auto values, password_values(session.config, *password));
    put(entry.attributes, "userPassword", std::move(values));
  }
  TRY_VOID(session.editor.add(entry));
  return "user " + uid + " made: " + entry.dn + "\n";
}

Result<std::string> modify(Session& session) {
  TRY(const auto home, find_home(session));
  TRY(const auto uid, session.arguments.need("uid"));
  TRY(const auto entry, find_user(session, home, uid));
  TRY(auto changes, collect_changes(session.arguments, kFields));
  TRY_VOID(check_addresses_free(session, addresses_of(changes), entry.dn));
  // A user that becomes active again is so in both attributes.
  if (iequals(session.arguments.get("status"), "active"))
    changes.push_back({Editor::Change::Kind::replace, "inetUserStatus", {"active"}});
  TRY(const auto password, read_password(session.arguments, true));
  if (password) {
    TRY(auto values, password_values(session.config, *password));
    changes.push_back({Editor::Change::Kind::replace, "userPassword", std::move(values)});
  }
  if (changes.empty()) return permanent("nothing to change: give at least one option besides --uid");
  TRY_VOID(session.editor.modify(entry.dn, changes));
  return "user " + uid + " changed\n";
}

Result<std::string> remove(Session& session) {
  TRY(const auto home, find_home(session));
  TRY(const auto uid, session.arguments.need("uid"));
  TRY(const auto entry, find_user(session, home, uid));
  return remove_entry(session, "user " + uid, entry.dn, {"mailUserStatus", "inetUserStatus"});
}

Result<std::string> search(Session& session) {
  const auto& arguments = session.arguments;
  TRY(const auto base, search_base(session));
  std::string filter = "(&(objectClass=inetMailUser)";
  if (arguments.has("uid")) filter += wildcard_filter("uid", arguments.get("uid"));
  if (arguments.has("mail"))
    filter += "(|" + wildcard_filter("mail", arguments.get("mail")) +
              wildcard_filter("mailAlternateAddress", arguments.get("mail")) +
              wildcard_filter("mailEquivalentAddress", arguments.get("mail")) + ")";
  filter += arguments.get("filter") + ")";
  TRY(auto entries, session.editor.search(base, 2, filter));
  std::ranges::sort(entries, {}, [](const Entry& entry) { return std::string(entry.first("uid")); });
  return listing(arguments, entries, {"uid", "mail", "mailUserStatus", "cn"});
}
}  // namespace

const Actions kUserActions{create, modify, remove, search};

}  // namespace waxwing::commadmin
