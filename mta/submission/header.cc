#include "mta/submission/header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/mail/address.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "common/mail/parameters.h"
#include "mta/address/resolve.h"
#include "mta/submission/auth_rewrite.h"

namespace waxwing::mta {

namespace {

// Each address may cost two questions to the directory, and a header of a megabyte holds fifty thousand. More
// than this many of a message stay as they are.
constexpr std::size_t kMostRewritten = 1000;

struct AddressField {
  std::string_view name;
  Pointing pointing;
};
constexpr std::array<AddressField, 10> kAddressFields = {{{"From", Pointing::backward},
                                                          {"Sender", Pointing::backward},
                                                          {"Reply-To", Pointing::backward},
                                                          {"To", Pointing::forward},
                                                          {"Cc", Pointing::forward},
                                                          {"Resent-From", Pointing::backward},
                                                          {"Resent-Sender", Pointing::backward},
                                                          {"Resent-Reply-To", Pointing::backward},
                                                          {"Resent-To", Pointing::forward},
                                                          {"Resent-Cc", Pointing::forward}}};

const AddressField* address_field(std::string_view name) {
  for (const auto& field : kAddressFields)
    if (iequals(field.name, name)) return &field;
  return nullptr;
}

// The field with its addresses rewritten, appended to out; untouched bytes stay. left: how many addresses of
// the message may still be looked at.
Result<> append_rewritten(const Lookup& lookup, const HeaderTask& task, const mail::HeaderField& field,
                          Pointing pointing, std::size_t& left, std::string& out) {
  const auto list = mail::parse_address_list(field.value, {.max_addresses = left});
  left -= list.items.size();
  // value is a view into raw: what stands before it, and the line end after it, are kept.
  const auto value_at = static_cast<std::size_t>(field.value.data() - field.raw.data());
  std::size_t copied = 0;
  for (const auto& item : list.items) {
    if (item.kind != mail::Address::Kind::mailbox || item.end <= item.begin) continue;
    auto before = item.spec.text();
    if (item.spec.domain.empty() && !task.remote_host.empty()) (before += '@') += task.remote_host;
    TRY(const auto after, resolve_header_address(lookup, before, pointing, task.source, nullptr));
    if (after == item.spec.text() || after.empty()) continue;
    const auto at = value_at + item.begin;
    out.append(field.raw.substr(copied, at - copied)).append(after);
    copied = value_at + item.end;
  }
  out.append(field.raw.substr(copied));
  return {};
}

queue::Priority priority_of(std::string_view value) {
  if (istarts_with(value, "urgent")) return queue::Priority::urgent;
  if (istarts_with(value, "non-urgent")) return queue::Priority::nonurgent;
  return queue::Priority::normal;
}

int sensitivity_of(std::string_view value) {
  if (istarts_with(value, "personal")) return 1;
  if (istarts_with(value, "private")) return 2;
  return istarts_with(value, "company-confidential") ? 3 : 0;
}

// Lines that are neither fields nor continuations, left out (norelaxheadertermination).
std::string without_stray_lines(std::string_view header) {
  std::string out;
  while (!header.empty()) {
    const auto end = header.find('\n');
    const auto line = header.substr(0, end == header.npos ? header.size() : end + 1);
    header.remove_prefix(line.size());
    const auto colon = line.find(':');
    const auto name = line.substr(0, colon);
    const bool field = colon != line.npos && colon > 0 && name.find_first_of(" \t\r\n") == name.npos;
    const bool goes_on = is_blank(line.front()) && !out.empty();
    if (field || goes_on || line == "\r\n") out += line;
  }
  return out;
}

struct Seen {
  bool from = false, date = false, message_id = false, recipients = false, bcc = false, subject = false;
};

void note(const mail::HeaderField& field, const Lookup& lookup, Seen& seen, HeaderOutcome& outcome) {
  const auto name = field.name;
  if (iequals(name, "Received")) {
    ++outcome.received;
    const std::string by = "by " + lookup.config.local_host();
    if (ifind(field.value, by) != std::string_view::npos) ++outcome.received_here;
  } else if (iequals(name, "MR-Received")) {
    ++outcome.mr_received;
  } else if (iequals(name, "From")) {
    seen.from = true;
  } else if (iequals(name, "Date")) {
    seen.date = true;
  } else if (iequals(name, "Message-ID")) {
    seen.message_id = true;
  } else if (iequals(name, "To") || iequals(name, "Cc") || iequals(name, "Resent-To") ||
             iequals(name, "Resent-Cc")) {
    seen.recipients = true;
  } else if (iequals(name, "Bcc")) {
    seen.bcc = true;
  } else if (iequals(name, "Subject")) {
    seen.subject = true;
  } else if (iequals(name, "Priority")) {
    outcome.priority = priority_of(field.value);
  } else if (iequals(name, "Deferred-Delivery")) {
    if (const auto when = mail::parse_date(field.value)) outcome.deferred_until_ms = when->utc_seconds * 1000;
  } else if (iequals(name, "Content-Type")) {
    outcome.plain_text = outcome.plain_text && istarts_with(trim(field.value), "text/plain");
    if (istarts_with(trim(field.value), "message/partial"))
      outcome.partial_id = mail::parse_parameters(field.value).get("id");
  } else if (iequals(name, "Content-Transfer-Encoding")) {
    const auto encoding = mail::unfold(field.value);
    outcome.plain_text = outcome.plain_text && (iequals(encoding, "7bit") || iequals(encoding, "8bit"));
  } else if (iequals(name, "MIME-Version")) {
    outcome.mime = true;
  } else if (iequals(name, "Sensitivity")) {
    outcome.sensitivity = sensitivity_of(field.value);
  } else if (iequals(name, "Return-Receipt-To") || iequals(name, "Delivery-Receipt-To")) {
    outcome.receipt_asked = true;
  }
}

// Approved: holds the password of the list.
bool is_removed(const ListEffects& list, std::string_view name) {
  return iequals(name, "Approved") || std::ranges::any_of(list.remove_headers, [&](const auto& each) {
           return iequals(trim(std::string_view(each).substr(0, each.find(':'))), name);
         });
}

std::string added_by_list(const HeaderTask& task, const mail::HeaderBlock& block) {
  std::string out;
  if (!task.list) return out;
  const auto& list = *task.list;
  for (const auto& line : list.add_headers) out += line + "\r\n";
  for (const auto& line : list.absent_headers)
    if (block.find(std::string_view(line).substr(0, line.find(':'))) == nullptr) out += line + "\r\n";
  return out;
}

std::string recipient_list(const HeaderTask& task) {
  return task.recipients ? join(*task.recipients, ", ") : std::string();
}

std::string empty_group(std::string_view name) {
  const auto phrase = mail::format_phrase(name);
  // An encoded word stands apart from what follows (RFC 2047 §5 (3)).
  return phrase + (phrase.ends_with("?=") ? " :;" : ":;");
}

// missingrecipientpolicy; a field to add, or the refusal.
std::expected<std::string, Verdict> missing_recipients(const Lookup& lookup, const HeaderTask& task,
                                                       const Seen& seen) {
  const bool had_bcc = seen.bcc;
  if (seen.recipients || !task.rewrite || task.inner || (had_bcc && !task.submission)) return std::string();
  std::int64_t policy = lookup.config.options().number(Opt::MISSING_RECIPIENT_POLICY);
  if (task.source) policy = task.source->number(Kw::missingrecipientpolicy, policy);
  switch (policy) {
    case 0:
    case 2:
      return mail::format_field("To", recipient_list(task));
    case 3:
      return mail::format_field("Bcc", recipient_list(task));
    case 4:
      return mail::format_field("To",
                                empty_group(lookup.config.options().text(Opt::MISSING_RECIPIENT_GROUP_TEXT)));
    case 5:
      return had_bcc && !task.submission ? std::string() : std::string("Bcc: \r\n");
    case 6:
      if (had_bcc) return std::string();
      return std::unexpected(Verdict{554, "5.6.0", "The message has no recipient fields in its header"});
    default:
      return std::string();
  }
}

std::string completed(const Lookup& lookup, const HeaderTask& task, const Seen& seen) {
  std::string out;
  if (!seen.from && !task.sender.empty()) out += mail::format_field("From", task.sender);
  if (!seen.date) out += mail::format_field("Date", mail::format_local_date(task.now_seconds));
  if (!seen.message_id) {
    const auto& domain = lookup.config.options().text(Opt::ID_DOMAIN);
    out += fmt::format("Message-ID: <{}@{}>\r\n", task.queue_id,
                       domain.empty() ? lookup.config.local_host() : domain);
  }
  return out;
}

bool is(const HeaderTask& task, Kw keyword) {
  return task.source && !task.inner && task.source->is(keyword);
}

bool too_long(const HeaderTask& task, const mail::HeaderField& field) {
  const auto longest = task.source ? task.source->number(Kw::maxprocchars, 0) : 0;
  return longest > 0 && std::ssize(field.raw) > longest;
}

}  // namespace

namespace {
// Fields that do not go on; those that take their place come later.
bool is_left_out(const HeaderTask& task, const AuthRewriting& rewriting, std::string_view name) {
  if (iequals(name, "Return-Path") && !task.inner)
    return true;  // of an earlier hop: the last one adds its own
  if (!rewriting.sender.empty() && iequals(name, rewriting.sender_name)) return true;
  if (!rewriting.from.empty() && iequals(name, rewriting.from_name)) return true;
  if (task.list && is_removed(*task.list, name)) return true;
  return task.submission && (iequals(name, "Bcc") || iequals(name, "Resent-Bcc"));
}

bool shapes_subject(const HeaderTask& task) {
  return !task.subject_tag.empty() || task.subject_number.number > 0;
}

// What follows the fields that came; a field they lack may be a reason to refuse.
std::expected<std::string, Verdict> fields_behind(const Lookup& lookup, const HeaderTask& task,
                                                  const AuthRewriting& rewriting, const Seen& seen,
                                                  const std::string& of_list) {
  std::string out;
  if (shapes_subject(task) && !seen.subject)
    out += shaped_subject("Subject:\r\n", task.subject_tag, task.subject_number);
  if (!rewriting.from.empty()) out += mail::format_field(rewriting.from_name, rewriting.from);
  if (!rewriting.sender.empty()) out += mail::format_field(rewriting.sender_name, rewriting.sender);
  out += of_list;
  if (task.submission) out += completed(lookup, task, seen);
  TRY(const auto recipients, missing_recipients(lookup, task, seen));
  return out + recipients;
}
}  // namespace

Result<HeaderResult> process_header(const Lookup& lookup, const HeaderTask& given) {
  auto task = given;
  std::string sound;
  if (is(task, Kw::norelaxheadertermination)) task.header = sound = without_stray_lines(task.header);
  if (is(task, Kw::utf8strict) && !task.smtputf8 && !mail::is_ascii(task.header))
    return HeaderResult(std::unexpected(
        Verdict{554, "5.6.7", "The header has characters that are not ASCII, which needs SMTPUTF8"}));
  const auto block =
      mail::HeaderBlock::scan(task.header, {.max_bytes = task.header.size() + 1, .max_fields = 10000});
  if (block.limited())
    return HeaderResult(std::unexpected(Verdict{554, "5.6.0", "The message has too many header fields"}));
  HeaderOutcome outcome;
  AuthRewriting rewriting;
  if (task.rewrite && task.source) {
    TRY(auto rewritten, auth_rewrite(lookup, *task.source, task.sender, task.auth_sender, block));
    if (!rewritten) return HeaderResult(std::unexpected(std::move(rewritten.error())));
    rewriting = std::move(*rewritten);
    outcome.new_sender = rewriting.envelope_from;
  }
  Seen seen;
  std::size_t left = kMostRewritten;
  outcome.text.reserve(task.header.size() + 256);
  for (const auto& field : block.fields()) {
    // What a list takes out says nothing of the message any more, but for where that has been.
    if (!task.list || !is_removed(*task.list, field.name) || iequals(field.name, "Received"))
      note(field, lookup, seen, outcome);
    if (is_left_out(task, rewriting, field.name)) continue;
    const auto* address = task.rewrite && !too_long(task, field) ? address_field(field.name) : nullptr;
    if (address) {
      TRY_VOID(append_rewritten(lookup, task, field, address->pointing, left, outcome.text));
    } else if (shapes_subject(task) && iequals(field.name, "Subject")) {
      outcome.text.append(shaped_subject(field.raw, task.subject_tag, task.subject_number));
    } else {
      outcome.text.append(field.raw);
    }
  }
  // A field cut off by the end of the data.
  if (!outcome.text.empty() && !outcome.text.ends_with("\n")) outcome.text.append("\r\n");
  if (task.inner && !block.has_empty_line()) return HeaderResult(std::move(outcome));
  const auto of_list = added_by_list(task, block);
  const auto its_fields = mail::HeaderBlock::scan(of_list);
  for (const auto& field : its_fields.fields()) note(field, lookup, seen, outcome);
  const auto added = fields_behind(lookup, task, rewriting, seen, of_list);
  if (!added) return HeaderResult(std::unexpected(added.error()));
  outcome.text += *added;
  // What the scan takes for body (a first line that is no field) stays body, behind an empty line.
  outcome.text.append("\r\n").append(task.header.substr(block.size()));
  return HeaderResult(std::move(outcome));
}

}  // namespace waxwing::mta
