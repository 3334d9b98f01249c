#include "common/base/result.h"

#include <cerrno>
#include <cstring>

namespace waxwing {

Error system_error(const std::string& what, int errnum) {
  const bool lasting = errnum == ENOENT || errnum == EINVAL || errnum == ENAMETOOLONG || errnum == ENOTDIR ||
                       errnum == EISDIR || errnum == EEXIST;
  char buffer[128];
  return Error{lasting ? Fault::permanent : Fault::temporary,
               what + ": " + strerror_r(errnum, buffer, sizeof buffer)};
}

}  // namespace waxwing
