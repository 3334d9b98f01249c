// One field out of the header lines that a mailbox's cache keeps, without a look at the others.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace waxwing::imap {

// The value of the next field of that name, as HeaderField::value has it; lines then begins behind the field.
// lines: whole fields and nothing else.
std::optional<std::string_view> next_field(std::string_view& lines, std::string_view name);

// The fields of those names as they stand, and an empty line: what BODY[HEADER.FIELDS (...)] is.
std::string select_cached_fields(std::string_view lines, std::span<const std::string> names);

}  // namespace waxwing::imap
