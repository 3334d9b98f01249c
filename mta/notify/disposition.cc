#include "mta/notify/disposition.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/charset.h"
#include "common/mail/date.h"
#include "common/mail/encoded_word.h"
#include "common/mail/header.h"
#include "common/mail/transfer_coding.h"
#include "mta/notify/report_fields.h"

namespace waxwing::mta::notify {

namespace {
using mail::is_ascii;

constexpr std::size_t kMostReferenceBytes = 800;

// RFC 6533 §4: in a message that may have UTF-8 the report may too.
bool needs_utf8(const DispositionNotice& notice) {
  if (!is_ascii(notice.to) || !is_ascii(notice.from)) return true;
  if (!notice.smtputf8) return false;
  return !is_ascii(notice.original_header) || !is_ascii(notice.final_recipient) ||
         !is_ascii(notice.original_recipient);
}

std::string thread_fields(std::string_view header) {
  const auto block = mail::HeaderBlock::scan(header);
  const auto id = mail::unfold(block.value("Message-ID").value_or(""));
  if (id.empty() || id.size() > kMostReferenceBytes) return {};
  auto before = mail::unfold(block.value("References").value_or(""));
  if (before.size() > kMostReferenceBytes) before.clear();
  return mail::format_field("In-Reply-To", plain_ascii(id)) +
         mail::format_field("References", plain_ascii(before.empty() ? id : before + " " + id));
}

std::string message_header(const DispositionNotice& notice, std::string_view boundary) {
  const auto name = mail::format_phrase(one_line(notice.from_name));
  const auto address = one_line(notice.from);
  std::string head = "Date: " + mail::format_local_date(notice.now_ms / 1000) + "\r\n";
  head += mail::format_field("From", name.empty() ? address : name + " <" + address + ">");
  head += "To: " + one_line(notice.to) + "\r\n";
  head += mail::format_field("Subject", mail::encode_words(one_line(notice.subject)));
  head += fmt::format("Message-ID: <{}@{}>\r\n", boundary, one_line(notice.host));
  head += thread_fields(notice.original_header);
  // RFC 3834 §5: whoever sees this answers no more. Nor does it ask for a notification itself (RFC 8098 §3).
  head += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  head += fmt::format(
      "Content-Type: multipart/report; report-type=disposition-notification;\r\n boundary=\"{}\"\r\n",
      boundary);
  return head;
}

// What the person has said.
std::string words_part(const DispositionNotice& notice) {
  std::string charset = "utf-8", words = notice.words;
  if (!notice.charset.empty()) {
    if (auto said = mail::from_utf8(words, notice.charset)) {
      words = std::move(*said);
      charset = notice.charset;
    }
  }
  std::string part = "Content-Type: text/plain; charset=" + charset + "\r\n";
  return part + "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + mail::encode_quoted_printable(words);
}

std::string template_part(const DispositionNotice& notice, const Templates& templates) {
  Substitutions values;
  values.headers = header_sample(notice.original_header);
  values.recipients = "  " + one_line(notice.final_recipient) + "\n";
  auto text = substitute(templates.text("prefix"), values);
  text += substitute(templates.text(disposition_word(notice.disposition)), values);
  text += substitute(templates.text("suffix"), values);
  return text_header(templates, text) + "\r\n" + text;
}

std::string report_part(const DispositionNotice& notice, bool utf8) {
  // RFC 8098 §3.2.1: the host and no more; which version it runs is nobody's business.
  std::string out = "Reporting-UA: " + plain_ascii(notice.host) + "; Waxwing\r\n";
  if (!notice.original_recipient.empty())
    out += "Original-Recipient: " + original_recipient(notice.original_recipient, utf8) + "\r\n";
  out += "Final-Recipient: " + typed_address("rfc822", notice.final_recipient, utf8) + "\r\n";
  const auto block = mail::HeaderBlock::scan(notice.original_header);
  if (const auto id = block.value("Message-ID"); id && !trim(*id).empty())
    out += mail::format_field("Original-Message-ID", plain_ascii(mail::unfold(*id)));
  out += std::string("Disposition: automatic-action/MDN-sent-automatically; ") +
         disposition_word(notice.disposition);
  for (std::size_t i = 0; i < notice.modifiers.size(); ++i)
    out += (i == 0 ? "/" : ",") + plain_ascii(notice.modifiers[i]);
  return out + "\r\n";
}

std::string original_part_header(const DispositionNotice& notice, bool utf8) {
  std::string type = notice.full_content ? (utf8 ? "message/global" : "message/rfc822")
                                         : (utf8 ? "message/global-headers" : "text/rfc822-headers");
  const bool wide = notice.full_content ? notice.eight_bit : !is_ascii(notice.original_header);
  if (!notice.full_content && wide && !utf8) type += "; charset=utf-8";
  return "Content-Type: " + type + "\r\n" + (wide ? "Content-Transfer-Encoding: 8bit\r\n" : "") + "\r\n";
}
}  // namespace

const char* disposition_word(Disposition disposition) {
  switch (disposition) {
    case Disposition::displayed:
      return "displayed";
    case Disposition::deleted:
      return "deleted";
    case Disposition::dispatched:
      return "dispatched";
    case Disposition::processed:
      break;
  }
  return "processed";
}

NoticeText make_disposition_notice(const DispositionNotice& notice, const Templates& templates,
                                   std::string_view boundary) {
  NoticeText result;
  result.utf8 = needs_utf8(notice);
  auto text = notice.words.empty() ? template_part(notice, templates) : words_part(notice);
  const auto report = report_part(notice, result.utf8);
  const auto delimiter = fmt::format("--{}", boundary);
  auto& head = result.head;
  head = delimiter + "\r\n" + std::move(text);
  if (!head.ends_with("\r\n")) head += "\r\n";
  head += "\r\n" + delimiter + "\r\nContent-Type: message/" + (result.utf8 ? "global-" : "") +
          "disposition-notification\r\n" + (is_ascii(report) ? "" : "Content-Transfer-Encoding: 8bit\r\n") +
          "\r\n" + report + "\r\n";
  head += delimiter + "\r\n" + original_part_header(notice, result.utf8);
  const bool wide =
      !is_ascii(head) || (notice.full_content ? notice.eight_bit : !is_ascii(notice.original_header));
  head =
      message_header(notice, boundary) + (wide ? "Content-Transfer-Encoding: 8bit\r\n" : "") + "\r\n" + head;
  result.tail = "\r\n" + delimiter + "--\r\n";
  return result;
}

}  // namespace waxwing::mta::notify
