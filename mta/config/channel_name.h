#pragma once

#include <string_view>

namespace waxwing::mta {

// 1 to 32 of a-z, 0-9, _ $ and -.
bool is_channel_name(std::string_view name);

}  // namespace waxwing::mta
