#include "channels/program/account.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

#include "common/base/strings.h"

namespace waxwing::channels {

Result<Account> find_account(const std::string& name) {
  passwd row{}, *found = nullptr;
  std::array<char, 16384> buffer;
  const int problem = name.empty() ? ::getpwuid_r(::geteuid(), &row, buffer.data(), buffer.size(), &found)
                                   : ::getpwnam_r(name.c_str(), &row, buffer.data(), buffer.size(), &found);
  if (problem != 0) return std::unexpected(system_error("cannot look up account " + name, problem));
  if (found == nullptr) return permanent("there is no account " + printable(name) + " on this host");
  return Account{row.pw_name, row.pw_dir, row.pw_uid, row.pw_gid};
}

Result<> may_become(const Account& account, bool for_service) {
  if (::geteuid() != 0 && account.uid != ::geteuid())
    return temporary("the mail service cannot run programs as " + account.name +
                     ": it does not run as root; run the program as postmaster, without the keyword user");
  if (account.uid == 0 && !for_service) return permanent("programs are not run as root");
  return {};
}

}  // namespace waxwing::channels
