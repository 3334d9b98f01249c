// The directories that a journal covers, by name and by path: for who sets it up and who adds to it.
#pragma once

#include <string>
#include <string_view>

#include "common/base/durable.h"
#include "common/base/result.h"

namespace waxwing::durable {

// As records call it: below the root of the instance without that, elsewhere absolute.
std::string relative_to(const std::string& root, std::string_view path);
// And back.
std::string path_of(const JournalSettings& settings, const std::string& name);

// Makes it with what is missing above it; its name is durable.
Result<> make_directory(const std::string& directory);
// A directory that is covered must not be lost with what the journal says of it, and below the instance root
// it can be made here; elsewhere it may be where a file system is yet to be mounted.
Result<> make_root_durable(const JournalSettings& settings, const std::string& name);

// Of its names: see journal_order.h.
bool keeps_order(const std::string& path);

}  // namespace waxwing::durable
