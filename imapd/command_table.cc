#include "imapd/command_table.h"

#include <algorithm>

#include "common/base/strings.h"
#include "imapd/commands/commands.h"

namespace waxwing::imap {
namespace {

constexpr unsigned kConnected = static_cast<unsigned>(Phase::connected);
constexpr unsigned kSelected = static_cast<unsigned>(Phase::selected);
constexpr unsigned kLoggedIn = static_cast<unsigned>(Phase::authenticated) | kSelected;
constexpr unsigned kAny = kConnected | kLoggedIn;

using Updates = CommandSpec::Updates;

constexpr CommandSpec kTable[] = {
    {"APPEND", kLoggedIn, Updates::all, append},
    {"AUTHENTICATE", kConnected, Updates::none, authenticate},
    {"CAPABILITY", kAny, Updates::all, capability},
    {"CHECK", kSelected, Updates::all, check},
    {"CLOSE", kSelected, Updates::none, close},
    {"COPY", kSelected, Updates::all, copy},
    {"CREATE", kLoggedIn, Updates::all, create},
    {"DELETE", kLoggedIn, Updates::all, remove},
    {"ENABLE", kLoggedIn, Updates::all, enable},
    {"EXAMINE", kLoggedIn, Updates::none, examine},
    {"EXPUNGE", kSelected, Updates::all, expunge},
    {"FETCH", kSelected, Updates::no_expunge, fetch},
    {"GENURLAUTH", kLoggedIn, Updates::all, gen_url_auth},
    {"GETQUOTA", kLoggedIn, Updates::all, get_quota},
    {"GETQUOTAROOT", kLoggedIn, Updates::all, get_quota_root},
    {"ID", kAny, Updates::all, id},
    {"IDLE", kLoggedIn, Updates::all, idle},
    {"LIST", kLoggedIn, Updates::all, list},
    {"LOGIN", kConnected, Updates::none, login},
    {"LOGOUT", kAny, Updates::none, logout},
    {"LSUB", kLoggedIn, Updates::all, lsub},
    {"MOVE", kSelected, Updates::all, move},
    {"NAMESPACE", kLoggedIn, Updates::all, name_space},
    {"NOOP", kAny, Updates::all, noop},
    {"RENAME", kLoggedIn, Updates::all, rename},
    {"RESETKEY", kLoggedIn, Updates::all, reset_key},
    {"SEARCH", kSelected, Updates::no_expunge, search},
    {"SELECT", kLoggedIn, Updates::none, select},
    {"SETQUOTA", kLoggedIn, Updates::all, set_quota},
    {"SORT", kSelected, Updates::no_expunge, sort},
    {"STARTTLS", kConnected, Updates::none, starttls},
    {"STATUS", kLoggedIn, Updates::all, status},
    {"STORE", kSelected, Updates::no_expunge, store_command},
    {"SUBSCRIBE", kLoggedIn, Updates::all, subscribe},
    {"THREAD", kSelected, Updates::no_expunge, thread},
    {"UID COPY", kSelected, Updates::all, copy},
    {"UID EXPUNGE", kSelected, Updates::all, uid_expunge},
    {"UID FETCH", kSelected, Updates::all, fetch},
    {"UID MOVE", kSelected, Updates::all, move},
    {"UID SEARCH", kSelected, Updates::all, search},
    {"UID SORT", kSelected, Updates::all, sort},
    {"UID STORE", kSelected, Updates::all, store_command},
    {"UID THREAD", kSelected, Updates::all, thread},
    {"UNSELECT", kSelected, Updates::none, unselect},
    {"UNSUBSCRIBE", kLoggedIn, Updates::all, unsubscribe},
    {"URLFETCH", kLoggedIn, Updates::all, url_fetch},
};

}  // namespace

std::span<const CommandSpec> command_table() {
  return kTable;
}

const CommandSpec* find_command(std::string_view name) {
  const auto less = [](const CommandSpec& spec, std::string_view wanted) { return spec.name < wanted; };
  const auto key = to_upper(name);
  const auto* found = std::lower_bound(std::begin(kTable), std::end(kTable), std::string_view(key), less);
  return found != std::end(kTable) && found->name == key ? found : nullptr;
}

}  // namespace waxwing::imap
