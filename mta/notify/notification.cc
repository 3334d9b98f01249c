#include "mta/notify/notification.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "mta/form/header_form.h"
#include "mta/notify/report_fields.h"

namespace waxwing::mta::notify {

namespace {

using mail::is_ascii;

std::string_view words_after_status(std::string_view text) {
  const auto status = text.substr(0, text.find(' '));
  if (std::ranges::count(status, '.') != 2 ||
      !std::ranges::all_of(status, [](char c) { return is_digit(c) || c == '.'; }))
    return text;
  return trim(text.substr(status.size()));
}

bool is_smtp_reply(std::string_view text) {
  return text.size() >= 3 && text[0] >= '2' && text[0] <= '5' && is_digit(text[1]) && is_digit(text[2]) &&
         (text.size() == 3 || text[3] == ' ' || text[3] == '-');
}

struct Words {
  const char* status;  // when the channel said none
  const char* subject;
  const char* template_name;
};

const Words& words_of(Action action) {
  static constexpr Words kFailed{"5.0.0", "Delivery has failed", "bounced"};
  static constexpr Words kTimedOut{"4.4.7", "Delivery has timed out and failed", "timedout"};
  static constexpr Words kDelayed{"4.0.0", "Delivery has been delayed", "delayed"};
  static constexpr Words kDelivered{"2.0.0", "Delivery has been successful", "delivered"};
  static constexpr Words kRelayed{"2.0.0", "Message has been relayed", "forwarded"};
  switch (action) {
    case Action::timed_out:
      return kTimedOut;
    case Action::delayed:
      return kDelayed;
    case Action::delivered:
      return kDelivered;
    case Action::relayed:
      return kRelayed;
    case Action::failed:
      break;
  }
  return kFailed;
}

// "rfc822;a@b" -> "a@b".
std::string_view address_part(std::string_view original) {
  const auto semicolon = original.find(';');
  return semicolon == std::string_view::npos ? original : trim(original.substr(semicolon + 1));
}

std::string shown_address(const Notice& notice, const queue::Recipient& recipient) {
  if (notice.suppress_final && !recipient.original.empty())
    return std::string(address_part(recipient.original));
  if (notice.use_intermediate && !recipient.intermediate.empty()) return recipient.intermediate;
  return recipient.address;
}

std::string recipient_list(const Notice& notice, Action action) {
  std::string list;
  for (const auto& outcome : notice.outcomes) {
    if (outcome.action != action) continue;
    const auto& recipient = *outcome.recipient;
    const auto original = address_part(recipient.original);
    list += "  Recipient address: " + one_line(original.empty() ? recipient.address : std::string(original)) +
            "\n";
    const auto reason = words_after_status(outcome.text);
    if (!reason.empty() && action != Action::delivered && action != Action::relayed)
      list += "  Reason: " + plain_ascii(reason) + "\n";
    if (!outcome.remote_mta.empty()) list += "  Said by: " + plain_ascii(outcome.remote_mta) + "\n";
    if (notice.tell_attempts && recipient.progress.attempts > 1)
      list += fmt::format("  Attempts: {}\n", recipient.progress.attempts);
    list += "\n";
  }
  return list;
}

std::string text_part(const Notice& notice, const Templates& templates) {
  Substitutions values;
  const auto unit_ms = std::max<std::int64_t>(1, notice.unit_seconds) * 1000;
  const auto arrival = notice.envelope->arrival_ms;
  values.headers = header_sample(notice.original_header, notice.decode_words);
  values.units_so_far = std::max<std::int64_t>(0, (notice.now_ms - arrival) / unit_ms);
  values.units_allowed = std::max<std::int64_t>(0, (notice.return_at_ms - arrival) / unit_ms);
  values.units_left = std::max<std::int64_t>(0, values.units_allowed - values.units_so_far);
  values.hours = notice.unit_seconds < 86400;
  std::string text = substitute(templates.text("prefix"), values);
  for (const auto action :
       {Action::failed, Action::timed_out, Action::delayed, Action::delivered, Action::relayed}) {
    values.recipients = recipient_list(notice, action);
    if (!values.recipients.empty())
      text += substitute(templates.text(words_of(action).template_name), values);
  }
  return text + substitute(templates.text("suffix"), values);
}

std::string date_of(std::int64_t ms) {
  return mail::format_local_date(ms / 1000);
}

void put_recipient(std::string& out, const Notice& notice, const Outcome& outcome, bool utf8) {
  const auto& recipient = *outcome.recipient;
  const bool late = outcome.action == Action::delayed;
  out += "\r\n";
  if (!recipient.original.empty())
    out += "Original-Recipient: " + original_recipient(recipient.original, utf8) + "\r\n";
  out += "Final-Recipient: " + typed_address("rfc822", shown_address(notice, recipient), utf8) + "\r\n";
  out += std::string("Action: ") + action_word(outcome.action) + "\r\n";
  out += "Status: " + status_of(outcome.text, words_of(outcome.action).status) + "\r\n";
  if (!outcome.remote_mta.empty()) out += "Remote-MTA: dns;" + plain_ascii(outcome.remote_mta) + "\r\n";
  const auto reason = words_after_status(outcome.text);
  if (!reason.empty())
    out += mail::format_field("Diagnostic-Code",
                              (is_smtp_reply(reason) ? "smtp;" : "X-Waxwing;") + plain_ascii(reason));
  if (outcome.action == Action::failed || outcome.action == Action::timed_out || late)
    if (recipient.progress.last_attempt_ms > 0)
      out += "Last-Attempt-Date: " + date_of(recipient.progress.last_attempt_ms) + "\r\n";
  if (late && notice.return_at_ms > 0) out += "Will-Retry-Until: " + date_of(notice.return_at_ms) + "\r\n";
}

std::string status_part(const Notice& notice, bool utf8) {
  std::string out;
  if (!notice.envelope->envelope_id.empty())
    out += "Original-Envelope-Id: " + plain_ascii(notice.envelope->envelope_id) + "\r\n";
  out += "Reporting-MTA: dns;" + plain_ascii(notice.reporting_mta) + "\r\n";
  out += "Arrival-Date: " + date_of(notice.envelope->arrival_ms) + "\r\n";
  if (notice.envelope->deliver_by_ms != 0)
    out += "Deliver-By-Date: " + date_of(notice.envelope->deliver_by_ms) + "\r\n";
  if (!notice.envelope->future_release.empty())
    out += "Future-Release-Request: " + plain_ascii(notice.envelope->future_release) + "\r\n";
  for (const auto& outcome : notice.outcomes) put_recipient(out, notice, outcome, utf8);
  return out;
}

bool needs_utf8(const Notice& notice) {
  if (!is_ascii(notice.to)) return true;
  if (!notice.envelope->smtputf8) return false;
  if (!is_ascii(notice.original_header)) return true;
  return std::ranges::any_of(notice.outcomes, [](const Outcome& outcome) {
    return !is_ascii(outcome.recipient->address) || !is_ascii(outcome.recipient->original);
  });
}

std::string message_header(const Notice& notice, std::string_view boundary) {
  const auto personal = mail::format_phrase(one_line(notice.personal));
  const auto postmaster = "<" + one_line(notice.postmaster) + ">";
  std::string head = "Date: " + date_of(notice.now_ms) + "\r\n";
  head += mail::format_field("From", personal.empty() ? postmaster : personal + " " + postmaster);
  head += "To: " + one_line(notice.to) + "\r\n";
  head += std::string("Subject: Delivery Notification: ") + words_of(notice.outcomes.front().action).subject +
          "\r\n";
  head += fmt::format("Message-ID: <{}@{}>\r\n", boundary, one_line(notice.reporting_mta));
  // RFC 3834 §5: nobody's vacation program may answer this.
  head += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  head += fmt::format(
      "Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{}\"\r\n\r\n", boundary);
  return head;
}

}  // namespace

const char* action_word(Action action) {
  switch (action) {
    case Action::delayed:
      return "delayed";
    case Action::delivered:
      return "delivered";
    case Action::relayed:
      return "relayed";
    case Action::failed:
    case Action::timed_out:
      break;
  }
  return "failed";
}

std::string status_of(std::string_view text, std::string_view fallback) {
  const auto status = text.substr(0, text.find(' '));
  const auto parts = split(status, '.');
  const auto is_number = [](std::string_view part) {
    return !part.empty() && part.size() <= 3 && std::ranges::all_of(part, is_digit);
  };
  const bool sound = parts.size() == 3 && std::ranges::all_of(parts, is_number) &&
                     (parts[0] == fallback.substr(0, 1) || fallback == "4.4.7");
  return std::string(sound ? status : fallback);
}

NoticeText make_notice(const Notice& notice, const Templates& templates, std::string_view boundary) {
  NoticeText result;
  result.utf8 = needs_utf8(notice);
  auto& head = result.head;
  head = form::trim_header(message_header(notice, boundary), templates.header_options());
  const auto delimiter = fmt::format("--{}", boundary);
  auto text = text_part(notice, templates);
  head += delimiter + "\r\n" + text_header(templates, text) + "\r\n" + text + "\r\n";
  head +=
      delimiter + "\r\nContent-Type: message/" + (result.utf8 ? "global-" : "") + "delivery-status\r\n\r\n";
  head += status_part(notice, result.utf8) + "\r\n";
  const char* type = notice.full_content || notice.sample_lines > 0
                         ? (result.utf8 ? "message/global" : "message/rfc822")
                         : (result.utf8 ? "message/global-headers" : "text/rfc822-headers");
  head += delimiter + "\r\nContent-Type: " + type + "\r\n\r\n";
  result.tail = "\r\n" + delimiter + "--\r\n";
  return result;
}

}  // namespace waxwing::mta::notify
