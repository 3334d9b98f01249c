#include "mta/form/edits.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

void Edits::replace(std::size_t begin, std::size_t end, std::string_view text) {
  if (begin < at_) return;
  if (none_) out_.reserve(message_.size() + message_.size() / 8);  // it would be doubled again and again
  out_.append(message_.substr(at_, begin - at_)).append(text);
  at_ = end;
  none_ = false;
}

std::string Edits::take() {
  out_.append(message_.substr(std::min(at_, message_.size())));
  return std::move(out_);
}

bool is_sealed(const mail::Mime& mime, const mail::MimePart& part) {
  for (const auto* each = &part;; each = &mime.parts[static_cast<std::size_t>(each->parent)]) {
    if (each->is("multipart", "signed") || each->is("multipart", "encrypted")) return true;
    if (each->parent < 0) return false;
  }
}

std::string with_fields(std::string_view header, const std::vector<NewField>& fields) {
  const auto block = scan_whole(header);
  std::string out;
  for (const auto& field : block.fields())
    if (std::ranges::none_of(fields, [&](const auto& fresh) { return iequals(fresh.name, field.name); }))
      out += field.raw;
  if (!out.empty() && !out.ends_with("\n")) out += "\r\n";
  for (const auto& fresh : fields)
    if (!fresh.value.empty()) out += mail::format_field(fresh.name, fresh.value);
  return out.append("\r\n").append(header.substr(std::min(block.size(), header.size())));
}

}  // namespace waxwing::mta::form
