// The file config/circuitcheck.cnf: the ways through the mail network that are checked by messages which come back.
// Man page: circuitcheck.cnf(5). Who sends and counts them is the channel circuitcheck.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/mta_options.h"
#include "mta/config/source.h"

namespace waxwing::mta {

inline constexpr std::string_view kCircuitChannel = "circuitcheck";

struct Circuit {
  std::string name;     // lower case
  std::string address;  // its messages go there, and from there back to the channel circuitcheck
  std::string sender;   // envelope From; empty: the null sender
  std::int64_t interval_seconds = 1800;
  std::int64_t expires_seconds = 7200;  // what has not come back by then is lost
  std::size_t size_bytes = 0;           // of the text, at least
  std::string where;                    // "circuitcheck.cnf:12"
};

// It is part of messages and of file names: 1 to 32 of a-z, 0-9, - and _.
bool is_circuit_name(std::string_view name);

// Errors are appended, each with file, line and mend.
std::vector<Circuit> parse_circuits(const SourceSet& sources, const MtaOptions& options,
                                    std::vector<std::string>& errors);

// CIRCUITCHECK_COMPLETED_BINS: seconds, in rising order; an error when they are none.
Result<std::vector<std::int64_t>> parse_completed_bins(std::string_view text);

}  // namespace waxwing::mta
