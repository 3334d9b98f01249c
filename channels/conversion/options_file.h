// What a conversion's program says about its result: the file OUTPUT_OPTIONS, NAME=value a line. Pure.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"

namespace waxwing::channels {

enum class PartStatus { done, unchanged, removed, returned, held, discarded };

struct PartOptions {
  std::string type, subtype, description, disposition, encoding, mode, diagnostic;
  PartStatus status = PartStatus::done;
};

// Values may stand in quotes; empty lines, and those that begin with # or !, are nothing. Permanent error: an
// unknown name or status, with the line.
Result<PartOptions> parse_part_options(std::string_view text);

}  // namespace waxwing::channels
