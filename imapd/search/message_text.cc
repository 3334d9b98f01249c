#include "imapd/search/message_text.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/charset.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"

namespace waxwing::imap {
namespace {

bool value_contains(std::string_view value, std::string_view needle) {
  if (needle.empty()) return true;
  return mail::fold_for_search(mail::decoded_text(value)).find(needle) != std::string::npos;
}

bool any_field_contains(const mail::HeaderBlock& header, std::string_view needle) {
  return std::ranges::any_of(header.fields(), [&](const mail::HeaderField& field) {
    if (value_contains(field.value, needle)) return true;
    return mail::fold_for_search(std::string(field.name) + ": ").find(needle) != std::string::npos;
  });
}

}  // namespace

bool header_contains(const mail::HeaderBlock& header, std::string_view name, std::string_view needle) {
  return std::ranges::any_of(header.fields(), [&](const mail::HeaderField& field) {
    return iequals(field.name, name) && value_contains(field.value, needle);
  });
}

Result<std::unique_ptr<MessageText>> MessageText::open(store::Mailbox& mailbox,
                                                       const store::MessageInfo& info,
                                                       std::size_t max_part_bytes) {
  TRY(auto file, mailbox.open_message(info));
  std::unique_ptr<MessageText> text(new MessageText(std::move(file), max_part_bytes));
  TRY(text->mapped_, MappedMessage::map(text->file_));
  return text;
}

bool MessageText::body_contains(std::string_view needle) const {
  const auto& mime = mapped_->mime();
  for (std::size_t i = 0; i < mime.parts.size(); ++i) {
    const auto& part = mime.parts[i];
    if (i > 0 && any_field_contains(mail::HeaderBlock::scan(mime.header_of(part)), needle)) return true;
    if (part.kind != mail::MimePart::Kind::leaf || !part.is("text", "*")) continue;
    const auto text = mail::part_text_utf8(mime, part, max_part_bytes_);
    if (mail::fold_for_search(text).find(needle) != std::string::npos) return true;
  }
  return false;
}

bool MessageText::contains(std::string_view needle) const {
  return any_field_contains(header(), needle) || body_contains(needle);
}

}  // namespace waxwing::imap
