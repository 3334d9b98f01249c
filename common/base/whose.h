// Files that another user left behind, root most of all: what a message about them should say.
#pragma once

#include <sys/types.h>

#include <string>

namespace waxwing {

// After EACCES: "; /a/b belongs to root, not to mail", of the path, or of the first folder on its way that lets nobody
// through. Empty when that is not the reason, for it is this user's.
std::string whose(const std::string& path);

std::string user_name(uid_t uid);  // its number when this host knows no name

}  // namespace waxwing
