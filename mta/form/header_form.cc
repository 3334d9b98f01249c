#include "mta/form/header_form.h"

#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "mta/form/address_fields.h"
#include "mta/form/message_hash.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

namespace {

// Addresses too, for those who handle the message.
constexpr std::array<std::string_view, 3> kReportFields = {"Errors-To", "Return-Receipt-To",
                                                           "Disposition-Notification-To"};
bool holds_addresses(std::string_view name) {
  return is_among(name, kAddressFields) || is_among(name, kReportFields);
}
// The ones that may be long.
constexpr std::array<std::string_view, 6> kRecipientFields = {"To",        "Cc",        "Bcc",
                                                              "Resent-To", "Resent-Cc", "Resent-Bcc"};
constexpr std::array<std::string_view, 4> kDateFields = {"Date", "Resent-Date", "Expiry-Date",
                                                         "Deferred-Delivery"};
constexpr std::array<std::string_view, 8> kStructured = {
    "Date",       "Resent-Date",  "Message-ID",   "In-Reply-To",
    "References", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};

bool is_blank_value(std::string_view value) {
  return value.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

struct Field {
  std::string name, raw;
  std::string value() const {
    const auto colon = raw.find(':');
    auto text = std::string_view(raw).substr(colon + 1);
    if (text.ends_with("\n")) text.remove_suffix(1);
    if (text.ends_with("\r")) text.remove_suffix(1);
    return std::string(text);
  }
  void set(std::string_view value) { raw = name + ":" + std::string(value) + "\r\n"; }
};

std::vector<Field> fields_of(const mail::HeaderBlock& block) {
  std::vector<Field> fields;
  for (const auto& field : block.fields()) {
    auto& made = fields.emplace_back(Field{std::string(field.name), std::string(field.raw)});
    if (!made.raw.ends_with("\n")) made.raw += "\r\n";
  }
  return fields;
}

void apply_options(std::vector<Field>& fields, const HeaderOptions& options) {
  std::map<std::string, std::int64_t, std::less<>> seen;
  std::erase_if(fields, [&](const Field& field) {
    const auto& option = options.of(field.name);
    const auto lines = std::ranges::count(field.raw, '\n');
    const bool goes = ++seen[to_lower(field.name)] > std::max<std::int64_t>(option.maximum, 0) ||
                      std::ssize(field.raw) > option.max_chars || lines > option.max_lines;
    return goes;
  });
  for (auto& field : fields)
    if (const auto& option = options.of(field.name); !option.relabel.empty()) {
      const auto value = field.value();
      field.name = option.relabel;
      field.set(value);
    }
  for (const auto& [name, option] : options.fields) {
    const bool there =
        std::ranges::any_of(fields, [&](const Field& field) { return iequals(field.name, name); });
    const auto label = option.relabel.empty() ? name : option.relabel;
    for (const auto* text : {&option.add, &option.fill})
      if (!text->empty() && (text == &option.add || !there))
        fields.push_back({label, mail::format_field(label, *text)});
  }
}

Result<> apply_texts(Field& field, const AddressTexts& texts, bool total, const TextMaps& maps) {
  if (holds_addresses(field.name)) {
    if (texts.trivial()) return {};
    const auto value = field.value();
    TRY(const auto fresh, with_texts(value, texts, maps));
    if (fresh != value) field.set(fresh);
  } else if (total && is_among(field.name, kStructured)) {
    const auto value = field.value();
    if (value.find('(') != value.npos) field.set(without_comments(value));
  }
  return {};
}

// "21 Nov 2026 10:00:00 +0100" is written with its day of the week.
void add_day_of_week(Field& field) {
  const auto value = field.value();
  const auto text = trim(value);
  if (text.empty() || !is_digit(text.front())) return;
  if (const auto date = mail::parse_date(text))
    field.set(" " + mail::format_date(date->utc_seconds, date->zone_minutes));
}

// "=?iso-8859-1?q?x?=" becomes "=?iso-8859-1*de?q?x?=" (RFC 2231 §5).
void name_language(Field& field, const std::string& language) {
  std::string out;
  std::string_view rest = field.raw;
  for (auto at = rest.find("=?"); at != rest.npos; at = rest.find("=?")) {
    const auto charset_end = rest.find('?', at + 2);
    if (charset_end == rest.npos) break;
    const auto charset = rest.substr(at + 2, charset_end - at - 2);
    const bool word = !charset.empty() && rest.size() > charset_end + 2 && rest[charset_end + 2] == '?' &&
                      charset.find_first_of("* \t\r\n") == charset.npos;
    out.append(rest.substr(0, charset_end));
    if (word) out += "*" + language;
    rest.remove_prefix(charset_end);
    if (!word) continue;
    const auto end = rest.find("?=", 3);
    const auto length = end == rest.npos ? rest.size() : end + 2;
    out.append(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  field.raw = out.append(rest);
}

void put(std::string& out, const Field& field, const HeaderForm& form) {
  const bool refold = form.fold.line_length > 0 || form.fold.label_align > 0;
  const auto put_one = [&](std::string_view value, bool cut) {
    if (refold)
      out += folded(field.name, value, form.fold);
    else if (cut)
      out.append(field.name).append(": ").append(value).append("\r\n");
    else
      out += field.raw;
  };
  const auto value = field.value();
  if ((form.max_addresses > 0 || form.max_chars > 0) && is_among(field.name, kRecipientFields)) {
    const auto pieces = cut_addresses(value, form.max_addresses, form.max_chars);
    if (pieces.size() > 1) {
      for (const auto& piece : pieces) put_one(piece, true);
      return;
    }
  }
  put_one(value, false);
}

std::string envelope_to(const HeaderForm& form, const HeaderFacts& facts) {
  std::string out;
  for (const auto& piece : cut_addresses(join(facts.recipients, ","), form.added_addresses, 0))
    out += mail::format_field("X-Envelope-to", replace_all(piece, "\r\n", ""));
  return out;
}

}  // namespace

bool HeaderForm::plain() const {
  return !read && !trim && from.trivial() && to.trivial() && !from_total && !to_total && !drop_blank &&
         !day_of_week && !envelope_to && hash == Hash::as_it_is && language.empty() && max_addresses == 0 &&
         max_chars == 0 && fold.line_length == 0 && fold.label_align == 0;
}

Result<std::string> shape_header(std::string_view header, const HeaderForm& form, const HeaderFacts& facts) {
  const auto block = scan_whole(header);
  auto fields = fields_of(block);
  if (form.read) apply_options(fields, *form.read);
  for (auto& field : fields) {
    TRY_VOID(apply_texts(field, form.from, form.from_total, facts.maps));
    TRY_VOID(apply_texts(field, form.to, form.to_total, facts.maps));
    if (form.day_of_week && is_among(field.name, kDateFields)) add_day_of_week(field);
    if (!form.language.empty()) name_language(field, form.language);
  }
  if (form.drop_blank)
    std::erase_if(fields, [](const Field& field) {
      return holds_addresses(field.name) && is_blank_value(field.value());
    });
  if (form.hash == HeaderForm::Hash::generate || form.hash == HeaderForm::Hash::remove)
    std::erase_if(fields, [](const Field& field) { return iequals(field.name, "Message-Hash"); });
  if (form.hash == HeaderForm::Hash::generate)
    fields.push_back({"Message-Hash", mail::format_field("Message-Hash", message_hash(header, facts.body))});
  if (form.trim) apply_options(fields, *form.trim);
  std::string out;
  out.reserve(header.size() + 256);
  for (const auto& field : fields) put(out, field, form);
  if (form.envelope_to) out += envelope_to(form, facts);
  // What the scan takes for body stays body.
  return out.append("\r\n").append(header.substr(block.size()));
}

std::string trim_header(std::string_view header, const HeaderOptions& options) {
  const auto block = scan_whole(header);
  auto fields = fields_of(block);
  apply_options(fields, options);
  std::string out;
  for (const auto& field : fields) out += field.raw;
  if (block.has_empty_line()) out += "\r\n";
  return out.append(header.substr(block.size()));
}

}  // namespace waxwing::mta::form
