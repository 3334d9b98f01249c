#include "mta/form/body_form.h"

namespace waxwing::mta::form {

bool BodyForm::plain() const {
  return long_lines == LongLines::as_they_are && charset7.empty() && charset8.empty() &&
         charset_escape.empty() && !thurman && !decode_multiparts && !decode_messages && !guess_types &&
         name_limit == 0 && name_parameter_limit == 0 && parameter_limit == 0 && line_length == 0 && !inner &&
         !inner_trim && !reformat.wanted;
}

Result<std::string> shape_body(std::string message, const BodyForm& form, const RewriteHeader& rewrite,
                               const ReformatTools& tools) {
  if (form.long_lines != BodyForm::LongLines::as_they_are) message = fit_lines(message, form.long_lines);
  if (form.thurman) message = uuencoded_to_parts(message, form.mime);
  if (!form.charset7.empty() || !form.charset8.empty() || !form.charset_escape.empty())
    message = label_charset(message, form);
  if (form.decode_multiparts || form.decode_messages)
    message = decode_containers(message, form.decode_multiparts, form.decode_messages, form.mime);
  if (form.guess_types) message = guess_types(message, form.mime);
  if (form.reformat.wanted) {
    TRY(message, reformat(std::move(message), form.reformat, tools));
  }
  if (form.name_limit || form.name_parameter_limit || form.parameter_limit)
    message = limit_parameters(message, form);
  if (form.inner || form.inner_trim) {
    TRY(message, change_inner_headers(message, form, rewrite));
  }
  if (form.line_length) message = encode_long_lines(message, form.line_length, form.mime);
  return message;
}

}  // namespace waxwing::mta::form
