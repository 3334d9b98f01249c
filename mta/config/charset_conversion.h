// The answers of the mapping CHARSET-CONVERSION. mappings(5) tells what they may be.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/mail/encoded_word.h"
#include "mta/config/mappings.h"

namespace waxwing::mta {

// The answer to ...;CONVERT.
struct Reformat {
  bool wanted = false;  // anything at all; also charsets and labels then
  bool always = false;  // also before the message stops in a conversion channel, not only behind it
  bool level = false;   // multiparts of one part go
  enum class Inner { as_it_is, top, bottom, bare } inner = Inner::as_it_is;  // messages inside become text
  enum class Coding { as_it_is, base64, quoted_printable, uuencode } coding = Coding::as_it_is;
  std::size_t columns = 0;  // longer lines of plain text are wrapped; 0: none
};
// "Yes", "Always,Level,Record,Text=72"; case does not count. unknown: gets the words that mean nothing here.
Reformat parse_reformat(std::string_view answer, std::vector<std::string>* unknown = nullptr);

// The answer to ...;IN-CHARSET=name: "OUT-CHARSET=name", "OUT-CHARSET=name,RELABEL-ONLY=1"; nothing else counts.
mail::CharsetChange parse_charset_change(std::string_view answer);

// Rows that are written out and would do nothing, or not what they say: a warning each.
void check_charset_conversion(const MappingTable& table, std::vector<std::string>& warnings);

}  // namespace waxwing::mta
