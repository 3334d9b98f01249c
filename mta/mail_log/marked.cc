#include "mta/mail_log/marked.h"

#include "common/base/strings.h"

namespace waxwing::mta::mail_log {

namespace {

// UTF-8 stays; a value that is none, or has U+FFFE or U+FFFF in it, with which a line is no XML any more, is shown byte
// by byte; in both forms alike.
std::string utf8_of(std::string_view value) {
  const bool fits =
      is_utf8(value) && value.find("\xEF\xBF\xBE") == value.npos && value.find("\xEF\xBF\xBF") == value.npos;
  return fits ? std::string(value) : printable(value, value.size());
}

void append_xml(std::string& out, std::string_view value) {
  for (const char c : utf8_of(value)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        if (static_cast<unsigned char>(c) < 32 || c == 127)
          out += "\\x" + to_hex(std::string_view(&c, 1));
        else
          out += c;
    }
  }
}

void append_attribute(std::string& out, std::string_view name, std::string_view value) {
  out.append(" ").append(name).append("=\"");
  append_xml(out, value);
  out += '"';
}

void append_json(std::string& out, std::string_view value) {
  out += '"';
  for (const char c : utf8_of(value)) {
    if (c == '"' || c == '\\')
      out.append("\\").push_back(c);
    else if (static_cast<unsigned char>(c) < 32 || c == 127)
      out += "\\u00" + to_hex(std::string_view(&c, 1));
    else
      out += c;
  }
  out += '"';
}

}  // namespace

std::string xml_line(const char* element, const std::vector<Piece>& pieces, const HeaderFields& header) {
  std::string out = "<";
  out += element;
  for (const auto& piece : pieces) append_attribute(out, piece.name, piece.value);
  if (header.empty()) return out + "/>\n";
  out += ">";
  for (const auto& [name, value] : header) {
    out += "<he";
    append_attribute(out, "na", name);
    append_attribute(out, "va", value);
    out += "/>";
  }
  return out.append("</").append(element).append(">\n");
}

std::string json_line(const char* type, const std::vector<Piece>& pieces, const HeaderFields& header) {
  std::string out = "{\"ty\":";
  append_json(out, type);
  for (const auto& piece : pieces) {
    out.append(",\"").append(piece.name).append("\":");
    append_json(out, piece.value);
  }
  if (header.empty()) return out + "}\n";
  out += ",\"he\":[";
  for (std::size_t i = 0; i < header.size(); ++i) {
    out += i == 0 ? "[" : ",[";
    append_json(out, header[i].first);
    out += ',';
    append_json(out, header[i].second);
    out += ']';
  }
  return out + "]}\n";
}

}  // namespace waxwing::mta::mail_log
