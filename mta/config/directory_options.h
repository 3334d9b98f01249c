// What option.dat says about the directory: where addresses are looked for, and what attributes are called there.
#pragma once

#include <string>
#include <vector>

#include "common/directory/directory.h"
#include "mta/config/mta_options.h"

namespace waxwing::mta {

// Where a local address may be an alias, in the order of ALIAS_MAGIC.
enum class AliasSource { directory, file, database };

struct AliasOrder {
  std::vector<AliasSource> sources;  // each once at most
  std::vector<Opt> urls;             // ALIAS_URL0..3, as they are to be tried
};
// Permanent error: an order that cannot be had.
Result<AliasOrder> alias_order(const MtaOptions& options);

// Puts what option.dat says into settings that msg.conf has filled. Permanent error as alias_order().
Result<> apply_directory_options(const MtaOptions& options, directory::Settings& settings);

// All of them, one a line, to tell whether they have changed.
std::string directory_options_text(const MtaOptions& options);

}  // namespace waxwing::mta
