// The account that a program runs as.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"

namespace waxwing::channels {

struct Account {
  std::string name, home;
  std::uint32_t uid = 0, gid = 0;
};

// By name; "" is the account of the mail service. Permanent error: there is none.
Result<Account> find_account(const std::string& name);

// Only root can run a program for somebody else; and nobody's mail is to run one for root, but where the service
// itself runs as root and the program is its own (for_service).
Result<> may_become(const Account& account, bool for_service);

}  // namespace waxwing::channels
