#include "store/stored/db_errors.h"

#include <db_cxx.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "store/detail/errors.h"

namespace waxwing::store {

namespace {
constexpr int kPassing[] = {ENOSPC, EDQUOT, EACCES, EPERM,  ENOMEM, EMFILE,
                            ENFILE, EROFS,  EFBIG,  EAGAIN, EINTR,  EIO};
}  // namespace

bool may_pass(int code, const std::string& complaints) {
  return std::ranges::any_of(kPassing, [&](int passing) {
    return code == passing || complaints.find(std::strerror(passing)) != std::string::npos;
  });
}

std::unexpected<Error> db_error(const std::string& what, int code) {
  const auto text = "mailbox list: " + what + ": " + DbEnv::strerror(code);
  if (code == DB_RUNRECOVERY || code == DB_VERSION_MISMATCH) return fail_for_now(Code::corrupt, text);
  return temporary(text);
}

// A recovery that could not write says DB_RUNRECOVERY as one that found damage does: what it complained of tells
// them apart.
std::unexpected<Error> open_error(const std::string& what, int code, const std::string& complaints) {
  const auto text = "mailbox list: " + what + ": " + DbEnv::strerror(code) + complaints;
  if (may_pass(code, complaints)) return temporary(text);
  return fail_for_now(Code::corrupt, text);
}

}  // namespace waxwing::store
