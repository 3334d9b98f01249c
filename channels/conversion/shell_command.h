// The commands of config/conversions as /bin/sh gets them. Pure.
#pragma once

#include <string>
#include <string_view>

namespace waxwing::channels {

// The command of an entry for /bin/sh: 'NAME' becomes "$NAME", so that a value is one word whatever is in it.
std::string shell_command(std::string_view command);

}  // namespace waxwing::channels
