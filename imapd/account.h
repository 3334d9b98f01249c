// Who has logged in, as far as IMAP cares.
#pragma once

#include <string>

#include "store/store.h"

namespace waxwing::imap {

struct Account {
  std::string login;        // what was typed
  std::string user;         // the store's user name: uid or uid@domain
  std::string dn;           // of the user's entry; empty: an administrator acts for him
  std::string mechanism;    // "PLAIN", "LOGIN" (the command)
  store::QuotaLimit quota;  // from the directory, or the store's default
};

}  // namespace waxwing::imap
