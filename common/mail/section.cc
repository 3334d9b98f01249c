#include "common/mail/section.h"

#include "common/base/strings.h"

namespace waxwing::mail {

std::string format_section(const Section& section) {
  std::string out;
  for (const auto number : section.path) {
    if (!out.empty()) out += '.';
    out += std::to_string(number);
  }
  if (section.text == Section::Text::whole) return out;
  if (!out.empty()) out += '.';
  switch (section.text) {
    case Section::Text::header:
      return out + "HEADER";
    case Section::Text::text:
      return out + "TEXT";
    case Section::Text::mime:
      return out + "MIME";
    default:
      break;
  }
  out += section.text == Section::Text::header_fields ? "HEADER.FIELDS (" : "HEADER.FIELDS.NOT (";
  for (const auto& name : section.fields) {
    if (&name != &section.fields.front()) out += ' ';
    const bool atom = !name.empty() && name.find_first_of(" ()\"\\{%*]\x7F") == std::string::npos;
    if (atom) {
      out += name;
    } else {
      out += '"' + replace_all(replace_all(name, "\\", "\\\\"), "\"", "\\\"") + '"';
    }
  }
  return out + ')';
}

const MimePart* find_part(const Mime& mime, const std::vector<std::uint32_t>& path) {
  const auto at = [&](std::int32_t index) { return &mime.parts[static_cast<std::size_t>(index)]; };
  const MimePart* part = &mime.root();
  bool top = true;
  for (auto number : path) {
    // Numbers count the parts of a multipart; a message stands for what is inside it, and the top for itself.
    if (part->kind == MimePart::Kind::message && !top) {
      part = at(part->first_child);
    } else if (part->kind != MimePart::Kind::multipart && !top) {
      return nullptr;
    }
    top = false;
    if (part->kind != MimePart::Kind::multipart) {
      if (number != 1) return nullptr;
      continue;
    }
    if (number > part->children) return nullptr;
    auto child = part->first_child;
    while (--number > 0) child = at(child)->next_sibling;
    part = at(child);
  }
  return part;
}

SectionBytes find_section(const Mime& mime, const Section& section) {
  const auto* part = find_part(mime, section.path);
  if (part == nullptr) return {.missing = true};
  if (section.text == Section::Text::whole)
    return {.bytes = section.path.empty() ? mime.message : mime.body_of(*part)};
  if (section.text == Section::Text::mime) return {.bytes = mime.header_of(*part)};
  if (!section.path.empty()) {
    if (part->kind != MimePart::Kind::message) return {.missing = true};
    part = &mime.parts[static_cast<std::size_t>(part->first_child)];
  }
  if (section.text == Section::Text::header) return {.bytes = mime.header_of(*part)};
  if (section.text == Section::Text::text) return {.bytes = mime.body_of(*part)};
  const bool inverse = section.text == Section::Text::header_fields_not;
  return {.owned = select_fields(HeaderBlock::scan(mime.header_of(*part)), section.fields, inverse)};
}

std::string select_fields(const HeaderBlock& header, const std::vector<std::string>& names, bool inverse) {
  std::string out;
  for (const auto& field : header.fields()) {
    bool named = false;
    for (const auto& name : names) named = named || iequals(field.name, name);
    if (named == inverse) continue;
    out += field.raw;
    if (!out.ends_with('\n')) out += "\r\n";
  }
  return out += "\r\n";
}

}  // namespace waxwing::mail
