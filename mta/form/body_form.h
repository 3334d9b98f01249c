// What the keywords of two channels make of the body of a message: lines, labels and encodings of its parts.
// Each step is a pure function from message to message; nothing under a signature changes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/mail/mime.h"
#include "mta/config/header_options.h"
#include "mta/form/reformat.h"

namespace waxwing::mta::form {

struct BodyForm {
  enum class LongLines { as_they_are, wrap, truncate } long_lines = LongLines::as_they_are;
  std::string charset7, charset8, charset_escape;  // of text that names none
  bool thurman = false;                            // uuencoded files become parts
  bool decode_multiparts = false, decode_messages = false;
  Reformat reformat;                                                          // CHARSET-CONVERSION
  bool guess_types = false;                                                   // convert_octet_stream
  std::size_t name_limit = 0, name_parameter_limit = 0, parameter_limit = 0;  // 0: none
  std::size_t line_length = 0;  // parts with longer lines are encoded
  bool inner = false;           // addresses in inner messages are rewritten
  std::shared_ptr<const HeaderOptions> inner_trim;
  mail::MimeLimits mime;  // what is deeper, or one part too many, stays as it is

  bool plain() const;
};

// The header of an inner message with its addresses rewritten. Errors go through.
using RewriteHeader = std::function<Result<std::string>(std::string_view header)>;

// tools: for form.reformat.
Result<std::string> shape_body(std::string message, const BodyForm& form, const RewriteHeader& rewrite,
                               const ReformatTools& tools);

// The steps, in their order.
std::string fit_lines(std::string_view message, BodyForm::LongLines how);
std::string label_charset(std::string_view message, const BodyForm& form);
std::string uuencoded_to_parts(std::string_view message, const mail::MimeLimits& limits = {});
std::string decode_containers(std::string_view message, bool multiparts, bool messages,
                              const mail::MimeLimits& limits = {});
std::string guess_types(std::string_view message, const mail::MimeLimits& limits = {});
std::string limit_parameters(std::string_view message, const BodyForm& form);
std::string encode_long_lines(std::string_view message, std::size_t line_length,
                              const mail::MimeLimits& limits = {});
Result<std::string> change_inner_headers(std::string_view message, const BodyForm& form,
                                         const RewriteHeader& rewrite);

}  // namespace waxwing::mta::form
