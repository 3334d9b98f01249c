// Parameters of MAIL that few channels offer: FUTURERELEASE (RFC 4865), DELIVERBY (RFC 2852), MT-PRIORITY (RFC 6710).
// Private to this folder.
#pragma once

#include <expected>
#include <string_view>

#include "mta/protocol/command.h"

namespace waxwing::mta::protocol {

struct Parameter {
  std::string_view name, value;
  bool has_value = false;
};

using TakeParameter = std::expected<void, Verdict> (*)(const Parameter&, const MailRules&, SenderOptions&);
// Null when no such parameter is offered.
TakeParameter extension_parameter(std::string_view name, const MailRules& rules);

}  // namespace waxwing::mta::protocol
