// The header of a message that is to be given another form: none of it may be taken for body.
#pragma once

#include "common/mail/header.h"

namespace waxwing::mta::form {

// message: a whole one or its header. Its fields beyond the first 20,000 count as body.
inline mail::HeaderBlock scan_whole(std::string_view message) {
  return mail::HeaderBlock::scan(message, {.max_bytes = message.size() + 1, .max_fields = 20000});
}

}  // namespace waxwing::mta::form
