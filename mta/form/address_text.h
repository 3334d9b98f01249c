// Personal names, comments and routes in the values of address fields: personal*, comment*, header_733,
// header_uucp. Pure but for the mappings; linear in the value.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"

namespace waxwing::mta::form {

struct AddressToken {
  enum class Kind { text, quoted, comment, angle, separator };  // separator: one of , ; :
  Kind kind;
  std::string_view text;  // with its quotes and brackets
};
// Every byte of value is in one token, in order. What is not closed goes on to the end.
std::vector<AddressToken> address_tokens(std::string_view value);

enum class Keep { as_it_is, map, strip, omit };
// source_route "@a,@b:u@d" as it is; percent "u%d%b@a"; bang "a!b!d!u", and "d!u" for "u@d".
enum class AddressStyle { source_route, percent, bang };

struct AddressTexts {
  Keep personal = Keep::as_it_is, comment = Keep::as_it_is;
  AddressStyle style = AddressStyle::source_route;
  bool trivial() const {
    return personal == Keep::as_it_is && comment == Keep::as_it_is && style == AddressStyle::source_route;
  }
};

// PERSONAL_NAMES (of a name, decoded) and COMMENT_STRINGS (of a comment with its parentheses): what stands in
// its place; the same text: nothing changes. Errors go through.
struct TextMaps {
  std::function<Result<std::string>(std::string_view)> personal, comment;
};

Result<std::string> with_texts(std::string_view value, const AddressTexts& texts, const TextMaps& maps);
// Comments of a structured field that holds no addresses.
std::string without_comments(std::string_view value);
// One address, without brackets.
std::string styled(std::string_view address, AddressStyle style);

}  // namespace waxwing::mta::form
