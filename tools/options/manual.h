// msg.conf(5), made from the option registry.
#pragma once

#include <string>

namespace waxwing {

std::string options_manual();

}  // namespace waxwing
