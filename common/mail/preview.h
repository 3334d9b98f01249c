// Preview text (RFC 8970 PREVIEW, JMAP preview): the first words of what a reader would see.
#pragma once

#include <cstddef>
#include <string>

#include "common/mail/mime.h"

namespace waxwing::mail {

// At most max_characters code points of the first text/plain part that is no attachment, or of the first
// text/html one without its tags; blanks squeezed, quoted lines and their introductions left out when
// there is other text. Empty when there is no text. Looks at no more than 64 KiB of the part.
std::string preview_text(const Mime& mime, std::size_t max_characters = 200);

}  // namespace waxwing::mail
