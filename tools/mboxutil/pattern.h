// Which mailboxes a command of mboxutil means.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing {

// glob: * any characters, % any but '/'; UTF-8 or modified UTF-7. regex: RE2, the whole name. Both empty:
// all. Matches against user/<uid>/<folder>.
Result<std::function<bool(std::string_view)>> mailbox_matcher(const std::string& glob,
                                                              const std::string& regex);
// The part of the glob before its first wild character: what every match begins with.
std::string literal_prefix(const std::string& glob);

}  // namespace waxwing
