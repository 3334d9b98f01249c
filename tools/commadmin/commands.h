// The commands of commadmin over an open Editor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/directory/editor.h"
#include "tools/commadmin/arguments.h"

namespace waxwing::commadmin {

using directory::Editor;
using directory::Entry;

struct Session {
  const Arguments& arguments;
  const Config& config;
  const directory::Settings& settings;
  Editor editor;
};

// What can be done with one kind of entry. Each answers what to print on success; errors say which entry and
// why.
struct Actions {
  using Action = Result<std::string>(Session&);
  Action *create, *modify, *remove, *search;
};
extern const Actions kUserActions, kDomainActions, kGroupActions;

// ---- shared by the three ----
struct Home {
  std::string dn, base_dn, name, mail_host;
};
// The domain of --domain, else the default one. Permanent error when it is not in the directory.
Result<Home> find_home(Session& session);
// Where search begins: at that of --domain, else above them all.
Result<std::string> search_base(Session& session);
// Nothing when there is none.
Result<std::optional<Entry>> find_one(Session& session, const std::string& base, const std::string& filter,
                                      const std::string& what);
// Permanent error when any of the addresses belongs to an entry other than own_dn.
Result<> check_addresses_free(Session& session, const std::vector<std::string>& addresses,
                              const std::string& own_dn);
// Of mail, mailAlternateAddress and mailEquivalentAddress.
std::vector<std::string> addresses_of(const Editor::Attributes& attributes);
std::vector<std::string> addresses_of(const std::vector<Editor::Change>& changes);
// What delete does: takes the entry out with --purge, else sets the attributes to "deleted".
Result<std::string> remove_entry(Session& session, const std::string& what, const std::string& dn,
                                 const std::vector<std::string>& status_attributes);
Result<std::string> check_address(const std::string& address);
Result<std::string> check_status(const std::string& status);

// From an option to an attribute.
struct Field {
  const char* option;
  const char* attribute;
  enum class Kind { text, address, status, size } kind = Kind::text;
};
// The attributes that the options among fields, and --set, name.
Result<Editor::Attributes> collect(const Arguments& arguments, std::span<const Field> fields);
// The same as replacements, with --unset.
Result<std::vector<Editor::Change>> collect_changes(const Arguments& arguments,
                                                    std::span<const Field> fields);
const std::vector<std::string>& values_in(const Editor::Attributes& attributes, const std::string& name);
void put(Editor::Attributes& attributes, const std::string& name, std::vector<std::string> values);
void put_default(Editor::Attributes& attributes, const std::string& name, std::vector<std::string> values);

// A listing: one line an entry with these attributes, or JSON with --json (all attributes, no password).
std::string listing(const Arguments& arguments, const directory::Entries& entries,
                    const std::vector<std::string>& columns);
// A pattern with * as a filter value; everything else is escaped.
std::string wildcard_filter(const std::string& attribute, const std::string& pattern);

// --password, --password-file or a prompt on the terminal; nothing when none of them and optional is set.
Result<std::optional<std::string>> read_password(const Arguments& arguments, bool optional);
// The values of userPassword for it, by auth.newpassword.
Result<std::vector<std::string>> password_values(const Config& config, const std::string& password);

}  // namespace waxwing::commadmin
