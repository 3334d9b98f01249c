// The tests of imsimta test, each in a file of its own.
#pragma once

#include <memory>

#include "common/base/file.h"
#include "mta/config/mta_config.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> test_rewrite(const Context& context, Arguments arguments);
Result<int> test_mapping(const Context& context, Arguments arguments);
Result<int> test_match(Arguments arguments);
Result<int> test_url(const Context& context, Arguments arguments);
Result<int> test_domain_map(const Context& context, Arguments arguments);

// The published configuration, or with -edited, -mapping_file= and the like what the files say now.
Result<std::shared_ptr<const mta::MtaConfig>> config_for_test(const Context& context, Arguments& arguments);

}  // namespace waxwing::imsimta
