// IMAP sections (RFC 9051 §6.4.5): what stands in BODY[...] and which bytes of a message it names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mail/mime.h"

namespace waxwing::mail {

struct Section {
  enum class Text { whole, header, header_fields, header_fields_not, text, mime };
  std::vector<std::uint32_t> path;  // "1.2" -> {1, 2}; empty: the message itself
  Text text = Text::whole;
  std::vector<std::string> fields;  // of HEADER.FIELDS[.NOT], as the client wrote them
};

// What stands between the brackets, for the FETCH answer: "", "1.2.MIME", "HEADER.FIELDS (From \"a b\")".
std::string format_section(const Section& section);

// The part a path names, or null when there is none: 1 of a message that is no multipart is its body.
const MimePart* find_part(const Mime& mime, const std::vector<std::uint32_t>& path);

// The bytes a section names. bytes points into the message, or into owned when they had to be gathered
// (header field lists). missing: the message has no such part, answered as an empty string or NIL.
struct SectionBytes {
  bool missing = false;
  std::string_view bytes;
  std::string owned;  // when not empty, bytes is to be ignored
  std::string_view view() const { return owned.empty() ? bytes : std::string_view(owned); }
};
SectionBytes find_section(const Mime& mime, const Section& section);

// HEADER.FIELDS (or .NOT) of a header block: the chosen fields in message order and the empty line.
std::string select_fields(const HeaderBlock& header, const std::vector<std::string>& names, bool inverse);

}  // namespace waxwing::mail
