#include "channels/autoreply/reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/date.h"
#include "common/mail/encoded_word.h"
#include "common/mail/transfer_coding.h"
#include "mta/notify/disposition_request.h"

namespace waxwing::channels {
namespace {

constexpr std::size_t kMostReferenceBytes = 800;
constexpr std::size_t kMostEchoBytes = 32 * 1024;
constexpr std::string_view kRecipientFields[] = {"To", "Cc", "Bcc", "Resent-To", "Resent-Cc", "Resent-Bcc"};

bool is_own(const directory::User& user, std::string_view address) {
  const auto same = [&](const auto& each) { return iequals(each, address); };
  return same(user.mail) || std::ranges::any_of(user.alternate_addresses, same) ||
         std::ranges::any_of(user.equivalent_addresses, same);
}

// owner-x, x-owner, x-request, mailer-daemon and the like: RFC 3834 §2.
bool is_program(std::string_view sender) {
  const auto local = to_lower(sender.substr(0, sender.rfind('@')));
  constexpr std::string_view names[] = {"mailer-daemon", "mailer_daemon", "listserv", "majordomo",
                                        "postmaster",    "noreply",       "no-reply", "donotreply"};
  return std::ranges::find(names, local) != std::end(names) || local.starts_with("owner-") ||
         local.ends_with("-owner") || local.ends_with("-request") || local.ends_with("-bounces") ||
         local.find("-bounces+") != std::string::npos;
}

bool names_user(const directory::User& user, const mail::HeaderBlock& header) {
  for (const auto& field : header.fields()) {
    if (std::ranges::none_of(kRecipientFields, [&](auto name) { return iequals(name, field.name); }))
      continue;
    const auto list = mail::parse_address_list(field.value, {.max_addresses = 1000});
    for (const auto& item : list.items) {
      auto address = item.spec.text();
      if (is_own(user, address)) return true;
      // user+folder@domain is the user too.
      const auto plus = address.find('+'), at = address.rfind('@');
      if (plus != address.npos && at != address.npos && plus < at &&
          is_own(user, address.erase(plus, at - plus)))
        return true;
    }
  }
  return false;
}

// The attribute's text: $ is a new line, $SUBJECT the subject.
std::string filled(std::string_view text, const std::string& subject) {
  constexpr std::string_view kSubject = "$SUBJECT";
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    if (text.substr(at).starts_with(kSubject)) {
      out += subject;
      at += kSubject.size();
    } else if (text[at] == '$' || text[at] == '\n') {
      out += "\r\n";
      ++at;
    } else if (text[at] == '\r' || text[at] == '\0') {
      ++at;
    } else {
      out += text[at++];
    }
  }
  return out;
}

bool is_internal(const directory::User& user, std::string_view sender) {
  const auto at = sender.rfind('@');
  if (at == sender.npos || !user.domain) return false;
  const auto domain = sender.substr(at + 1);
  return iequals(domain, user.domain->name) ||
         std::ranges::any_of(user.domain->aliases, [&](const auto& each) { return iequals(each, domain); });
}

std::string references(const mail::HeaderBlock& header) {
  const auto id = mail::unfold(header.value("Message-ID").value_or(""));
  if (id.empty() || id.size() > kMostReferenceBytes) return {};
  auto before = mail::unfold(header.value("References").value_or(""));
  if (before.size() > kMostReferenceBytes) before.clear();
  return mail::format_field("In-Reply-To", id) +
         mail::format_field("References", before.empty() ? id : before + " " + id);
}

}  // namespace

std::string reason_for_silence(const directory::User& user, std::string_view sender,
                               const mail::HeaderBlock& header) {
  if (sender.empty()) return "the null sender";
  if (is_program(sender)) return "the sender is a program";
  if (is_own(user, sender)) return "the user's own message";
  if (const auto said = header.value("Auto-Submitted"); said && !istarts_with(trim(*said), "no"))
    return "automatic itself (Auto-Submitted)";
  if (mta::notify::is_report(header)) return "a report of delivery or disposition";
  if (const auto said = header.value("Precedence")) {
    const auto word = to_lower(mail::unfold(*said));
    if (word == "bulk" || word == "list" || word == "junk") return "Precedence: " + word;
  }
  if (const auto said = header.value("X-Auto-Response-Suppress");
      said && (ifind(*said, "all") != said->npos || ifind(*said, "oof") != said->npos))
    return "the sender wants none (X-Auto-Response-Suppress)";
  for (const auto& field : header.fields())
    if (istarts_with(field.name, "List-")) return "mail of a list";
  if (!names_user(user, header)) return "not addressed to the user by name";
  return {};
}

bool is_echo(const directory::User& user) {
  return iequals(trim(user.entry.first("mailAutoReplyMode")), "echo");
}

std::string reply_subject(const ReplyTask& task) {
  const auto subject = mail::decoded_text(task.header.value("Subject").value_or(""));
  const auto title = filled(task.user.entry.first("mailAutoReplySubject"), subject);
  return title.empty() ? "Auto: " + subject : mail::unfold(title);
}

std::string reply_words(const ReplyTask& task) {
  const auto& user = task.user;
  const auto subject = mail::decoded_text(task.header.value("Subject").value_or(""));
  const bool internal = is_internal(user, task.sender) && user.entry.has("mailAutoReplyTextInternal");
  return filled(user.entry.first(internal ? "mailAutoReplyTextInternal" : "mailAutoReplyText"), subject);
}

std::string make_reply(const ReplyTask& task) {
  const auto& user = task.user;
  auto text = reply_words(task);
  if (is_echo(user)) text += "\r\n\r\n" + std::string(task.header.text().substr(0, kMostEchoBytes));
  const auto from =
      user.common_name.empty() ? user.mail : mail::format_phrase(user.common_name) + " <" + user.mail + ">";
  std::string out = mail::format_field("From", from) + mail::format_field("To", std::string(task.sender)) +
                    mail::format_field("Subject", mail::encode_words(reply_subject(task))) +
                    mail::format_field("Date", mail::format_local_date(task.now_seconds)) +
                    mail::format_field("Message-ID", fmt::format("<{}.reply@{}>", unique_id(), task.host)) +
                    references(task.header);
  // RFC 3834 §3.1.7: whoever sees this answers no more.
  out +=
      "Auto-Submitted: auto-replied (vacation)\r\n"
      "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
  out += mail::encode_quoted_printable(text);
  if (!out.ends_with("\r\n")) out += "\r\n";
  return out;
}

}  // namespace waxwing::channels
