#include "common/directory/editor.h"

#include <ldap.h>

#include <algorithm>
#include <deque>
#include <map>

#include "common/base/strings.h"
#include "common/directory/detail/connection.h"

namespace waxwing::directory {

namespace {
constexpr std::size_t kUnderWay = 64;

// LDAPMod arrays that point into the caller's strings.
class Mods {
 public:
  void add(int operation, const std::string& name, const std::vector<std::string>& values) {
    auto& row = rows_.emplace_back();
    for (const auto& value : values)
      row.values.push_back({.bv_len = value.size(), .bv_val = const_cast<char*>(value.data())});
    for (auto& value : row.values) row.pointers.push_back(&value);
    row.pointers.push_back(nullptr);
    row.mod.mod_op = operation | LDAP_MOD_BVALUES;
    row.mod.mod_type = const_cast<char*>(name.c_str());
    row.mod.mod_bvalues = values.empty() ? nullptr : row.pointers.data();
  }
  LDAPMod** get() {
    list_.clear();
    for (auto& row : rows_) list_.push_back(&row.mod);
    list_.push_back(nullptr);
    return list_.data();
  }

 private:
  struct Row {
    LDAPMod mod{};
    std::vector<berval> values;
    std::vector<berval*> pointers;
  };
  std::deque<Row> rows_;  // never moves its elements
  std::vector<LDAPMod*> list_;
};

Result<> outcome(LDAP* handle, int code, const std::string& what, const std::string& dn) {
  if (code == LDAP_SUCCESS) return {};
  char* more = nullptr;
  ldap_get_option(handle, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
  std::string text = "cannot " + what + " " + printable(dn) + ": " + ldap_err2string(code);
  if (more != nullptr && *more != '\0') text += " (" + printable(more) + ")";
  ldap_memfree(more);
  const bool passes = code == LDAP_SERVER_DOWN || code == LDAP_TIMEOUT || code == LDAP_BUSY ||
                      code == LDAP_UNAVAILABLE || code == LDAP_CONNECT_ERROR;
  return passes ? Result<>(temporary(text)) : Result<>(permanent(text));
}

Mods mods_of(const Editor::NewEntry& entry) {
  Mods mods;
  for (const auto& [name, values] : entry.attributes)
    if (!values.empty()) mods.add(LDAP_MOD_ADD, name, values);
  return mods;
}
}  // namespace

Editor::Editor(Editor&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
Editor::~Editor() {
  if (handle_ != nullptr) ldap_unbind_ext(handle_, nullptr, nullptr);
}

Result<Editor> Editor::open(const Settings& settings, const std::string& dn, const std::string& password) {
  std::string problems;
  for (const auto& url : settings.urls) {
    auto trouble = Trouble::none;
    std::string why;
    auto connection =
        Connection::open(url, dn, password, settings, settings.connect_timeout_ms, trouble, why);
    if (connection) {
      LDAP* handle = connection->release();
      // A change that is given up may yet be made: better to wait long for the word that it was.
      const timeval patience{.tv_sec = 60, .tv_usec = 0};
      ldap_set_option(handle, LDAP_OPT_TIMEOUT, &patience);
      return Editor(handle);
    }
    if (trouble == Trouble::credentials)
      return permanent(url + ": bind as " + printable(dn) +
                       " refused; check directory.admindn and directory.adminpassword");
    problems += (problems.empty() ? "" : "; ") + url + ": " + why;
  }
  return temporary("no LDAP server answers: " + problems);
}

Result<> Editor::add(const NewEntry& entry) {
  auto mods = mods_of(entry);
  return outcome(handle_, ldap_add_ext_s(handle_, entry.dn.c_str(), mods.get(), nullptr, nullptr), "add",
                 entry.dn);
}

Result<> Editor::modify(const std::string& dn, const std::vector<Change>& changes) {
  constexpr int operations[] = {LDAP_MOD_ADD, LDAP_MOD_DELETE, LDAP_MOD_REPLACE};
  if (changes.empty()) return {};
  Mods mods;
  for (const auto& change : changes)
    mods.add(operations[static_cast<int>(change.kind)], change.attribute, change.values);
  return outcome(handle_, ldap_modify_ext_s(handle_, dn.c_str(), mods.get(), nullptr, nullptr), "change", dn);
}

Result<> Editor::remove(const std::string& dn) {
  return outcome(handle_, ldap_delete_ext_s(handle_, dn.c_str(), nullptr, nullptr), "remove", dn);
}

Result<> Editor::remove_tree(const std::string& dn) {
  TRY(const auto below, search(dn, LDAP_SCOPE_ONELEVEL, "(objectClass=*)", {"1.1"}));
  for (const Entry& entry : below) TRY_VOID(remove_tree(entry.dn));
  return remove(dn);
}

// Without LDAP transactions (RFC 5805), which would save the server's commits: OpenLDAP 2.5 crashes in them
// when its threads come late.
Result<> Editor::add_many(const std::vector<NewEntry>& entries,
                          const std::function<void(std::size_t, const Result<>&)>& done) {
  std::map<int, std::size_t> under_way;  // message id to index
  std::size_t next = 0;
  while (next < entries.size() || !under_way.empty()) {
    while (next < entries.size() && under_way.size() < kUnderWay) {
      auto mods = mods_of(entries[next]);
      int id = 0;
      TRY_VOID(outcome(handle_,
                       ldap_add_ext(handle_, entries[next].dn.c_str(), mods.get(), nullptr, nullptr, &id),
                       "add", entries[next].dn));
      under_way[id] = next++;
    }
    LDAPMessage* message = nullptr;
    timeval patience{.tv_sec = 60, .tv_usec = 0};
    const int kind = ldap_result(handle_, LDAP_RES_ANY, LDAP_MSG_ALL, &patience, &message);
    if (kind <= 0)
      return temporary(kind == 0 ? "the LDAP server says nothing for 60 s"
                                 : "the connection to the LDAP server broke");
    const auto at = under_way.find(ldap_msgid(message));
    int code = LDAP_SUCCESS;
    char* more = nullptr;
    ldap_parse_result(handle_, message, &code, nullptr, &more, nullptr, nullptr, 1);
    if (at != under_way.end()) {
      const auto& dn = entries[at->second].dn;
      const std::string detail = more != nullptr && *more != '\0' ? " (" + printable(more) + ")" : "";
      done(at->second, code == LDAP_SUCCESS ? Result<>()
                                            : permanent("cannot add " + printable(dn) + ": " +
                                                        ldap_err2string(code) + detail));
      under_way.erase(at);
    }
    ldap_memfree(more);
  }
  return {};
}

Result<Entries> Editor::search(const std::string& base, int scope, const std::string& filter,
                               const std::vector<std::string>& attributes) {
  SearchRequest request{base, scope, filter, attributes, 0};
  Entries entries;
  std::string why;
  const auto trouble = search_with(handle_, request, 60'000, entries, why);
  if (trouble == Trouble::none) return entries;
  const auto text = "search below " + printable(base) + " for " + printable(filter) + ": " + why;
  return trouble == Trouble::connection ? Result<Entries>(temporary(text)) : Result<Entries>(permanent(text));
}

}  // namespace waxwing::directory
