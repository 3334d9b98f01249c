// One field out of the header lines that a mailbox's cache keeps, without a look at the others.
#pragma once

#include <optional>
#include <string_view>

namespace waxwing::imap {

// The value of the next field of that name, as HeaderField::value has it; lines then begins behind the field.
// lines: whole fields and nothing else.
std::optional<std::string_view> next_field(std::string_view& lines, std::string_view name);

}  // namespace waxwing::imap
