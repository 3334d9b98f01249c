#include "mta/form/reformat.h"

#include "common/base/strings.h"
#include "common/mail/parameters.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::mta::form {

Result<std::string> reformat(std::string message, const Reformat& order, const ReformatTools& tools) {
  if (!order.wanted) return message;
  if (tools.conversions != nullptr && tools.conversions->relabels()) message = relabel(message, tools);
  if (order.level) message = drop_levels(message);
  if (order.inner != Reformat::Inner::as_it_is) message = flatten_messages(message, order.inner);
  TRY(message, change_charsets(message, tools));
  if (order.columns > 0) message = wrap_text(message, order.columns, tools);
  if (order.coding != Reformat::Coding::as_it_is) message = change_encodings(message, order.coding);
  return message;
}

std::vector<std::string> boundaries_around(const mail::Mime& mime, std::size_t part) {
  std::vector<std::string> found;
  for (auto at = mime.parts[part].parent; at >= 0; at = mime.parts[static_cast<std::size_t>(at)].parent)
    if (auto boundary =
            mail::plain_parameter(mime.parts[static_cast<std::size_t>(at)].content_type, "boundary"))
      found.push_back(std::move(*boundary));
  return found;
}

bool is_wide_charset(std::string_view charset) {
  return istarts_with(charset, "utf-16") || istarts_with(charset, "utf-32") ||
         istarts_with(charset, "iso-10646-ucs");
}

std::optional<std::string> text_of_part(const mail::Mime& mime, const mail::MimePart& part) {
  auto decoded = mail::decoded_part(mime, part);
  if (!decoded.well_formed) return std::nullopt;
  return std::move(decoded.bytes);
}

}  // namespace waxwing::mta::form
