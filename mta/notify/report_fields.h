// What delivery and disposition notifications have in common: addresses as fields of a report, the sample of the
// original's header, the header of the part for persons. Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mta/notify/templates.h"

namespace waxwing::mta::notify {

// One line without control characters: nothing a remote host or a message says may add a field to the report.
std::string one_line(std::string_view text, std::size_t max_bytes = 800);
// The same, and ? for what is not ASCII.
std::string plain_ascii(std::string_view text);

// "rfc822;a@b". RFC 6533 §3: what is not ASCII has the type utf-8, and in a report that may not have UTF-8 stands
// as \x{E9}.
std::string typed_address(std::string_view type, std::string_view address, bool utf8);
// ORCPT as it is kept, "rfc822;a@b" or only "a@b", for an Original-Recipient field.
std::string original_recipient(std::string_view original, bool utf8);

// Message-ID, Date, From, To and Subject, one a line. decode_words: encoded words as the text they stand for, in UTF-8.
std::string header_sample(std::string_view header, bool decode_words = false);
// Content- fields of the part for persons. Files are UTF-8, and so may the addresses in the text be.
std::string text_header(const Templates& templates, std::string_view text);

}  // namespace waxwing::mta::notify
