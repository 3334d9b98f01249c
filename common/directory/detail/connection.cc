#include "common/directory/detail/connection.h"

#include <ldap.h>

#include <mutex>

#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::directory {

namespace {
timeval to_timeval(std::int64_t ms) {
  return {.tv_sec = static_cast<time_t>(ms / 1000), .tv_usec = static_cast<suseconds_t>(ms % 1000 * 1000)};
}

Trouble trouble_of(int code) {
  switch (code) {
    case LDAP_SUCCESS:
      return Trouble::none;
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:
      return Trouble::credentials;
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
      return Trouble::limit;
    case LDAP_SERVER_DOWN:
    case LDAP_CONNECT_ERROR:
    case LDAP_TIMEOUT:
    case LDAP_TIMELIMIT_EXCEEDED:
    case LDAP_BUSY:
    case LDAP_UNAVAILABLE:
    case LDAP_LOCAL_ERROR:
    case LDAP_DECODING_ERROR:
    case LDAP_ENCODING_ERROR:
    case LDAP_OTHER:
      return Trouble::connection;
    default:
      return Trouble::request;
  }
}

// The library initialises itself on first use, and not in a way that two threads may do at once.
void initialise_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    LDAPAPIInfo info{};
    info.ldapai_info_version = LDAP_API_INFO_VERSION;
    if (ldap_get_option(nullptr, LDAP_OPT_API_INFO, &info) == LDAP_SUCCESS) {
      ldap_memvfree(reinterpret_cast<void**>(info.ldapai_extensions));
      ldap_memfree(info.ldapai_vendor_name);
    }
  });
}

std::string explain(LDAP* handle, int code) {
  char* more = nullptr;
  ldap_get_option(handle, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
  std::string text = ldap_err2string(code);
  if (more != nullptr && *more != '\0') text += " (" + printable(more) + ")";
  ldap_memfree(more);
  return text;
}

void set_options(LDAP* handle, const Settings& settings, std::int64_t timeout_ms) {
  const int version = LDAP_VERSION3;
  const timeval timeout = to_timeval(timeout_ms);
  ldap_set_option(handle, LDAP_OPT_PROTOCOL_VERSION, &version);
  ldap_set_option(handle, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
  ldap_set_option(handle, LDAP_OPT_RESTART, LDAP_OPT_ON);
  ldap_set_option(handle, LDAP_OPT_NETWORK_TIMEOUT, &timeout);
  ldap_set_option(handle, LDAP_OPT_TIMEOUT, &timeout);
  const int verify = settings.tls_verify ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
  ldap_set_option(handle, LDAP_OPT_X_TLS_REQUIRE_CERT, &verify);
  if (!settings.tls_ca_file.empty())
    ldap_set_option(handle, LDAP_OPT_X_TLS_CACERTFILE, settings.tls_ca_file.c_str());
  const int client = 0;
  ldap_set_option(handle, LDAP_OPT_X_TLS_NEWCTX, &client);
}

Entry read_entry(LDAP* handle, LDAPMessage* message) {
  Entry entry;
  if (char* dn = ldap_get_dn(handle, message)) {
    entry.dn = dn;
    ldap_memfree(dn);
  }
  BerElement* position = nullptr;
  for (char* name = ldap_first_attribute(handle, message, &position); name != nullptr;
       name = ldap_next_attribute(handle, message, position)) {
    std::vector<std::string> values;
    if (berval** all = ldap_get_values_len(handle, message, name)) {
      for (berval** one = all; *one != nullptr; ++one) values.emplace_back((*one)->bv_val, (*one)->bv_len);
      ldap_value_free_len(all);
    }
    entry.attributes.emplace_back(name, std::move(values));
    ldap_memfree(name);
  }
  ber_free(position, 0);
  return entry;
}
}  // namespace

Connection::Connection(::ldap* handle) : handle_(handle), born_ms_(monotonic_ms()) {}
::ldap* Connection::release() {
  return std::exchange(handle_, nullptr);
}
Connection::~Connection() {
  if (handle_ == nullptr) return;
  ldap_unbind_ext(handle_, nullptr, nullptr);
}

std::unique_ptr<Connection> Connection::open(const std::string& url, const std::string& dn,
                                             const std::string& password, const Settings& settings,
                                             std::int64_t timeout_ms, Trouble& trouble, std::string& why) {
  initialise_library();
  LDAP* handle = nullptr;
  if (const int code = ldap_initialize(&handle, url.c_str()); code != LDAP_SUCCESS) {
    trouble = Trouble::connection;
    why = std::string("bad URL: ") + ldap_err2string(code);
    return nullptr;
  }
  std::unique_ptr<Connection> connection(new Connection(handle));
  set_options(handle, settings, timeout_ms);
  int code = settings.start_tls ? ldap_start_tls_s(handle, nullptr, nullptr) : LDAP_SUCCESS;
  if (code == LDAP_SUCCESS) {
    berval secret{.bv_len = password.size(), .bv_val = const_cast<char*>(password.data())};
    code = ldap_sasl_bind_s(handle, dn.c_str(), LDAP_SASL_SIMPLE, &secret, nullptr, nullptr, nullptr);
  }
  trouble = trouble_of(code);
  if (trouble == Trouble::none) return connection;
  why = explain(handle, code);
  return nullptr;
}

Trouble Connection::search(const SearchRequest& request, std::int64_t timeout_ms, Entries& entries,
                           std::string& why) {
  return search_with(handle_, request, timeout_ms, entries, why);
}

namespace {
using Answer = std::unique_ptr<LDAPMessage, int (*)(LDAPMessage*)>;

void read_entries(LDAP* handle, LDAPMessage* answer, Entries& entries) {
  for (LDAPMessage* message = ldap_first_entry(handle, answer); message != nullptr;
       message = ldap_next_entry(handle, message))
    entries.push_back(read_entry(handle, message));
}

// The cookie for the page after this one; empty when there is none.
std::string next_cookie(LDAP* handle, LDAPMessage* answer) {
  std::string next;
  LDAPControl** controls = nullptr;
  ldap_parse_result(handle, answer, nullptr, nullptr, nullptr, nullptr, &controls, 0);
  const auto* page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, nullptr);
  berval cookie{};
  ber_int_t count = 0;
  if (page != nullptr && ldap_parse_pageresponse_control(handle, const_cast<LDAPControl*>(page), &count,
                                                         &cookie) == LDAP_SUCCESS) {
    next.assign(cookie.bv_val == nullptr ? "" : cookie.bv_val, cookie.bv_len);
    ber_memfree(cookie.bv_val);
  }
  ldap_controls_free(controls);
  return next;
}
}  // namespace

Trouble Connection::search_page(const SearchRequest& request, std::int64_t timeout_ms, int page_entries,
                                std::string& cookie, Entries& entries, std::string& why) {
  std::vector<char*> names;
  for (const auto& name : request.attributes) names.push_back(const_cast<char*>(name.c_str()));
  names.push_back(nullptr);
  berval position{.bv_len = cookie.size(), .bv_val = cookie.data()};
  LDAPControl* control = nullptr;
  int code =
      ldap_create_page_control(handle_, page_entries, cookie.empty() ? nullptr : &position, 0, &control);
  const std::unique_ptr<LDAPControl, void (*)(LDAPControl*)> control_owner(control, ldap_control_free);
  LDAPControl* controls[] = {control, nullptr};
  timeval timeout = to_timeval(timeout_ms);
  LDAPMessage* answer = nullptr;
  if (code == LDAP_SUCCESS)
    code = ldap_search_ext_s(handle_, request.base.c_str(), request.scope, request.filter.c_str(),
                             request.attributes.empty() ? nullptr : names.data(), 0, controls, nullptr,
                             &timeout, LDAP_NO_LIMIT, &answer);
  const Answer owner(answer, ldap_msgfree);
  entries.clear();
  cookie.clear();
  if (code == LDAP_NO_SUCH_OBJECT) return Trouble::none;
  if (const auto trouble = trouble_of(code); trouble != Trouble::none) {
    why = explain(handle_, code);
    return trouble;
  }
  read_entries(handle_, answer, entries);
  cookie = next_cookie(handle_, answer);
  return Trouble::none;
}

Trouble search_with(::ldap* handle, const SearchRequest& request, std::int64_t timeout_ms, Entries& entries,
                    std::string& why) {
  std::vector<char*> names;
  for (const auto& name : request.attributes) names.push_back(const_cast<char*>(name.c_str()));
  names.push_back(nullptr);
  timeval timeout = to_timeval(timeout_ms);
  LDAPMessage* answer = nullptr;
  const int code = ldap_search_ext_s(handle, request.base.c_str(), request.scope, request.filter.c_str(),
                                     request.attributes.empty() ? nullptr : names.data(), 0, nullptr, nullptr,
                                     &timeout, static_cast<int>(request.max_entries), &answer);
  const Answer owner(answer, ldap_msgfree);
  entries.clear();
  if (code == LDAP_NO_SUCH_OBJECT) return Trouble::none;
  const auto trouble = trouble_of(code);
  const bool enough = request.some && code == LDAP_SIZELIMIT_EXCEEDED;
  if (trouble != Trouble::none && !enough) {
    why = explain(handle, code);
    return trouble;
  }
  read_entries(handle, answer, entries);
  return Trouble::none;
}

}  // namespace waxwing::directory
