// What the mapping CHARSET-CONVERSION makes of a message on its way from one channel to another: its structure, the
// labels and encodings of its parts, and their charsets. mappings(5) tells what can be asked for.
//
// What cannot be done without losing something is not done: that part stays as it is, and a note says why. Nothing
// under a signature changes.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/mail/mime.h"
#include "mta/config/charset_conversion.h"
#include "mta/config/conversions.h"
#include "mta/form/conversion_part.h"

namespace waxwing::mta::form {

struct ReformatTools {
  std::function<Result<mail::CharsetChange>(std::string_view charset)> change;
  // part: its number, or "header".
  std::function<void(const std::string& part, std::string_view why)> note;
  MessageFacts facts;                        // but for the subject
  const Conversions* conversions = nullptr;  // entries with relabel=1
};
// Errors of the mapping go through.
Result<std::string> reformat(std::string message, const Reformat& order, const ReformatTools& tools);

// The steps, in their order; each linear in the message.
std::string relabel(std::string_view message, const ReformatTools& tools);
std::string drop_levels(std::string_view message);
std::string flatten_messages(std::string_view message, Reformat::Inner how);
Result<std::string> change_charsets(std::string_view message, const ReformatTools& tools);
std::string wrap_text(std::string_view message, std::size_t columns, const ReformatTools& tools);
std::string change_encodings(std::string_view message, Reformat::Coding coding);

// ---- what the steps share
// Of the multiparts around a part.
std::vector<std::string> boundaries_around(const mail::Mime& mime, std::size_t part);
// Whether text in it has NUL bytes and the like where other charsets have ASCII.
bool is_wide_charset(std::string_view charset);
// Its encoding is one that text can be read from: nothing is unknown or damaged. Else nothing.
std::optional<std::string> text_of_part(const mail::Mime& mime, const mail::MimePart& part);
// x-uuencode. Nothing: there is no whole file in it.
bool is_uuencoded(const mail::MimePart& part);
std::optional<std::string> decode_uuencoded(std::string_view body);
std::string encode_uuencoded(std::string_view bytes, std::string_view name);

}  // namespace waxwing::mta::form
