// The folder and the user of an installation: what can be known of them before anything is made.
#pragma once

#include <string>

#include "common/base/result.h"

namespace waxwing::configure {

// Whether an instance can be made, or made anew, in folder: a full path, ours to write, empty or an instance
// of which nothing runs. What is laid out belongs to the service user afterwards: not somebody's home. Takes
// slashes off the end.
Result<> check_place(std::string& folder);
// Whether a folder of that name can hold an instance.
Result<> check_name(const std::string& folder);
// Whether a private instance can be made in folder, which is there: nothing else lies in it, and it is ours to write.
Result<> check_empty(const std::string& folder);
// Whether services can run as user: who it is when we are not root, a name that can be made when we are.
Result<> check_user(const std::string& user);

}  // namespace waxwing::configure
