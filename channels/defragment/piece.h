// A piece of a message: message/partial, RFC 2046 §5.2.2. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "mta/queue/envelope.h"

namespace waxwing::channels {

struct Piece {
  std::string id;
  unsigned number = 0;  // from 1
  unsigned total = 0;   // 0: this piece does not say
};

// From the header of a message (fields, with or without the empty line). Permanent error, a few words, for what is
// no piece that can be put together: no id, a number that is none, or an encoding that message/partial must not have.
Result<Piece> parse_piece(std::string_view header);

// The same for all pieces of one message and for no other message: its id, who sent it, and to whom (pending
// recipients). Hex.
std::string set_key(const Piece& piece, const mta::queue::Envelope& envelope);

// The header of the whole message: RFC 2046 §5.2.2.1. outer: of the first piece; inner: what its text begins with.
// Both are header blocks without the empty line. The answer ends in one.
std::string whole_header(std::string_view outer, std::string_view inner);

}  // namespace waxwing::channels
