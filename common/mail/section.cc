#include "common/mail/section.h"

#include "common/base/strings.h"

namespace waxwing::mail {

namespace {

std::unexpected<Error> bad_section(std::string_view text, const char* why) {
  return permanent("section [" + printable(text, 60) + "]: " + why);
}

// "(From \"To\")": at least one name.
Result<std::vector<std::string>> field_list(std::string_view text, std::size_t max_fields) {
  const auto whole = text;
  if (text.size() < 2 || text.front() != '(' || text.back() != ')')
    return bad_section(whole, "the field names must stand in parentheses");
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> names;
  while (!text.empty()) {
    std::string name;
    if (text.front() == '"') {
      std::size_t at = 1;
      for (; at < text.size() && text[at] != '"'; ++at) {
        if (text[at] == '\\' && at + 1 < text.size()) ++at;
        name += text[at];
      }
      if (at >= text.size()) return bad_section(whole, "a quote is missing");
      text.remove_prefix(at + 1);
    } else {
      const auto end = text.find_first_of(" ()\"\\{%*");
      name = text.substr(0, end);
      text.remove_prefix(name.size());
    }
    if (name.empty()) return bad_section(whole, "a field name is malformed");
    if (names.size() >= max_fields) return bad_section(whole, "too many field names");
    names.push_back(std::move(name));
    if (text.empty()) break;
    if (text.front() != ' ' || text.size() == 1)
      return bad_section(whole, "one blank must separate field names");
    text.remove_prefix(1);
  }
  if (names.empty()) return bad_section(whole, "a field name is needed");
  return names;
}

}  // namespace

Result<Section> parse_section(std::string_view text, std::size_t max_depth, std::size_t max_fields) {
  Section section;
  const auto whole = text;
  while (!text.empty() && is_digit(text.front())) {
    const auto dot = text.find('.');
    const auto number = to_number<std::uint32_t>(text.substr(0, dot));
    if (!number || *number == 0) return bad_section(whole, "a part number is malformed");
    if (section.path.size() >= max_depth) return bad_section(whole, "too many part numbers");
    section.path.push_back(*number);
    if (dot == std::string_view::npos) return section;
    text.remove_prefix(dot + 1);
    if (text.empty()) return bad_section(whole, "something must follow the last dot");
  }
  if (text.empty()) return section;
  const auto blank = text.find(' ');
  const auto word = text.substr(0, blank);
  const auto rest = blank == std::string_view::npos ? std::string_view() : text.substr(blank + 1);
  if (iequals(word, "HEADER.FIELDS") || iequals(word, "HEADER.FIELDS.NOT")) {
    section.text = word.size() == 13 ? Section::Text::header_fields : Section::Text::header_fields_not;
    TRY(section.fields, field_list(rest, max_fields));
    return section;
  }
  if (blank != std::string_view::npos) return bad_section(whole, "there is text after the section's name");
  if (iequals(word, "HEADER")) {
    section.text = Section::Text::header;
  } else if (iequals(word, "TEXT")) {
    section.text = Section::Text::text;
  } else if (iequals(word, "MIME") && !section.path.empty()) {
    section.text = Section::Text::mime;
  } else {
    return bad_section(whole,
                       "use HEADER, HEADER.FIELDS, HEADER.FIELDS.NOT, TEXT or, after a part number, MIME");
  }
  return section;
}

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
