// The texts that circuitcheck writes: a message of a circuit, and the postmaster's warning. CRLF lines, pure functions.
#pragma once

#include <cstdint>
#include <string>

#include "mta/circuit/record.h"
#include "mta/circuit/token.h"
#include "mta/config/circuits.h"

namespace waxwing::channels {

struct Letterhead {
  std::string postmaster, host;
  std::int64_t now_seconds = 0;
};

// sealed: its token. At least so long as the circuit wants it.
std::string circuit_message(const mta::Circuit& circuit, const mta::circuit::Token& token,
                            const std::string& sealed, const Letterhead& letterhead);

// lost: the messages that are missed now. record: with them.
std::string lost_warning(const mta::Circuit& circuit, const std::vector<mta::circuit::Sent>& lost,
                         const mta::circuit::Record& record, const Letterhead& letterhead);

}  // namespace waxwing::channels
