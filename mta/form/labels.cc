// charset7, charset8, charsetesc, convert_octet_stream and the limits of parameters.
#include <algorithm>
#include <array>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/parameters.h"
#include "mta/form/body_form.h"
#include "mta/form/edits.h"
#include "mta/form/parameter.h"

namespace waxwing::mta::form {

namespace {

const std::string& charset_of(std::string_view body, const BodyForm& form) {
  if (std::ranges::any_of(body, [](char c) { return static_cast<unsigned char>(c) > 127; }))
    return form.charset8;
  return body.find('\x1b') == body.npos || form.charset_escape.empty() ? form.charset7 : form.charset_escape;
}

struct Extension {
  std::string_view name, type;
};
constexpr Extension kTypes[] = {
    {"csv", "text/csv"},
    {"doc", "application/msword"},
    {"docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ics", "text/calendar"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"odp", "application/vnd.oasis.opendocument.presentation"},
    {"ods", "application/vnd.oasis.opendocument.spreadsheet"},
    {"odt", "application/vnd.oasis.opendocument.text"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"ppt", "application/vnd.ms-powerpoint"},
    {"pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation"},
    {"ps", "application/postscript"},
    {"rtf", "application/rtf"},
    {"svg", "image/svg+xml"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"txt", "text/plain"},
    {"vcf", "text/vcard"},
    {"wav", "audio/wav"},
    {"webp", "image/webp"},
    {"xls", "application/vnd.ms-excel"},
    {"xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"},
    {"xml", "application/xml"},
    {"zip", "application/zip"},
};

std::string_view type_of_name(std::string_view file_name) {
  const auto dot = file_name.rfind('.');
  if (dot == file_name.npos) return {};
  for (const auto& [extension, type] : kTypes)
    if (iequals(extension, file_name.substr(dot + 1))) return type;
  return {};
}

std::string formatted(const mail::ParameterizedValue& value) {
  std::string out = value.value;
  for (const auto& parameter : value.parameters) out += format_parameter(parameter.name, parameter.utf8());
  return out;
}

// At most so many bytes, and no UTF-8 sequence cut in two.
bool shorten(std::string& text, std::size_t limit) {
  if (limit == 0 || text.size() <= limit) return false;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  text.resize(limit);
  return true;
}

bool shorten(mail::Parameter& parameter, const BodyForm& form) {
  bool changed = shorten(parameter.name, form.name_limit);
  const bool is_name = iequals(parameter.name, "name") || iequals(parameter.name, "filename");
  const auto limit = is_name && form.name_parameter_limit ? form.name_parameter_limit : form.parameter_limit;
  auto text = parameter.utf8();
  if (shorten(text, limit)) {
    parameter = {.name = parameter.name, .value = text};
    changed = true;
  }
  return changed;
}

}  // namespace

// Text parts without a charset, and messages without MIME.
std::string label_charset(std::string_view message, const BodyForm& form) {
  const auto mime = mail::parse_mime(message, form.mime);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    if (part.kind != mail::MimePart::Kind::leaf || !part.is("text", "*") || is_sealed(mime, part)) continue;
    const auto& charset = charset_of(mime.body_of(part), form);
    auto type = mail::parse_parameters(part.content_type.data() ? part.content_type : "text/plain");
    if (charset.empty() || type.find("charset")) continue;
    type.parameters.push_back({.name = "charset", .value = charset});
    std::vector<NewField> fields;
    if (part.parent < 0 && !mime.header.find("MIME-Version")) fields.push_back({"MIME-Version", "1.0"});
    fields.push_back({"Content-Type", formatted(type)});
    edits.replace(part.header_begin, part.body_begin, with_fields(mime.header_of(part), fields));
  }
  return edits.take();
}

std::string guess_types(std::string_view message, const mail::MimeLimits& limits) {
  const auto mime = mail::parse_mime(message, limits);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    if (!part.is("application", "octet-stream") || is_sealed(mime, part)) continue;
    auto type = mail::parse_parameters(part.content_type);
    std::string name(type.get("name"));
    if (part.content_disposition.data())
      if (const auto file = mail::parse_parameters(part.content_disposition).get("filename"); !file.empty())
        name = file;
    const auto better = type_of_name(name);
    if (better.empty()) continue;
    type.value = better;
    edits.replace(part.header_begin, part.body_begin,
                  with_fields(mime.header_of(part), {{"Content-Type", formatted(type)}}));
  }
  return edits.take();
}

std::string limit_parameters(std::string_view message, const BodyForm& form) {
  const auto mime = mail::parse_mime(message, form.mime);
  Edits edits(message);
  for (const auto& part : mime.parts) {
    // A boundary that is cut is another one.
    if (part.kind == mail::MimePart::Kind::multipart || is_sealed(mime, part)) continue;
    std::vector<NewField> fields;
    const auto look = [&](std::string_view name, std::string_view value) {
      if (value.data() == nullptr) return;
      auto parsed = mail::parse_parameters(value);
      bool changed = false;
      for (auto& parameter : parsed.parameters) changed = shorten(parameter, form) || changed;
      if (changed) fields.push_back({name, formatted(parsed)});
    };
    look("Content-Type", part.content_type);
    look("Content-Disposition", part.content_disposition);
    if (!fields.empty())
      edits.replace(part.header_begin, part.body_begin, with_fields(mime.header_of(part), fields));
  }
  return edits.take();
}

}  // namespace waxwing::mta::form
