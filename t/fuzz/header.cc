// Header fields: scanning, unfolding, encoded words, parameters, subjects, message ids, and writing them.
#include "common/mail/header.h"

#include "common/base/strings.h"
#include "common/mail/encoded_word.h"
#include "common/mail/parameters.h"
#include "common/mail/threading.h"
#include "mta/submission/header.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;

namespace {

bool is_one_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

void field(const mail::HeaderField& field) {
  MUST(is_one_line(mail::unfold(field.value)) || field.value.find('\0') != std::string_view::npos);
  const auto text = mail::decoded_text(field.value);
  MUST(is_one_line(text) && is_utf8(text));
  const auto subject = mail::base_subject(field.value);
  MUST(is_utf8(subject.text) && subject.text.size() <= 4 * field.value.size() + 16);
  for (const auto& id : mail::message_ids(field.value, 50)) MUST(!id.empty());
  const auto parameters =
      mail::parse_parameters(field.value, {.max_parameters = 50, .max_value_bytes = 4096});
  for (const auto& parameter : parameters.parameters) {
    MUST(is_utf8(parameter.utf8()));
    mail::plain_parameter(field.value, parameter.name);
  }
}

// Nothing that a value holds may become a field of its own.
void writing(std::string_view value) {
  const auto line = mail::format_field("Subject", value);
  const auto block = mail::HeaderBlock::scan(line);
  MUST(block.fields().size() == 1 && block.text().size() == line.size());
  if (!is_utf8(value) || !is_one_line(value)) return;
  const auto words = mail::encode_words(value);
  MUST(mail::decode_words(words) == value);
  mail::encode_words(value, true);
}

}  // namespace

FUZZ_TARGET(header) {
  const auto block = mail::HeaderBlock::scan(input, {.max_bytes = 20000, .max_fields = 100});
  MUST(block.size() <= input.size() && block.text().size() <= block.size());
  std::size_t bytes = 0;
  for (const auto& each : block.fields()) {
    bytes += each.raw.size();
    field(each);
  }
  MUST(bytes == block.text().size());
  MUST(is_utf8(mail::decode_words(input)));
  mail::references(block, 50);
  mail::message_id(block);
  writing(input);
}
