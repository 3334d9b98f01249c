// uuencode: as an encoding of a part, and thurman: files in plain text become parts of a multipart/mixed.
#include <optional>
#include <span>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/parameters.h"
#include "common/mail/transfer_coding.h"
#include "mta/form/body_form.h"
#include "mta/form/edits.h"
#include "mta/form/parameter.h"
#include "mta/form/reformat.h"

namespace waxwing::mta::form {

namespace {

struct File {
  std::string_view before;  // text in front of it
  std::string name, bytes;
};

std::string_view line_of(std::string_view& text) {
  auto line = take_until(text, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// Appends the bytes of one line; false: it is none.
bool decode_line(std::string_view line, std::string& out) {
  const auto value = [](char c) { return static_cast<unsigned>(c - ' ') & 63U; };
  if (line.empty() || line[0] < ' ' || line[0] > '`') return false;
  const auto count = value(line[0]);
  std::string bytes;
  for (std::size_t at = 1; bytes.size() < count; at += 4) {
    unsigned word = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      // Blanks at the end were lost on the way.
      const char c = at + i < line.size() ? line[at + i] : ' ';
      if (c < ' ' || c > '`') return false;
      word = word << 6U | value(c);
    }
    for (const unsigned shift : {16U, 8U, 0U}) bytes += static_cast<char>(word >> shift & 255U);
  }
  out.append(bytes, 0, count);
  return true;
}

// "begin 644 name" at the front of text; text becomes what follows "end".
std::optional<File> take_file(std::string_view& text) {
  auto rest = text;
  const auto words = split_words(line_of(rest));
  const bool begins = words.size() >= 3 && words[0] == "begin" &&
                      (words[1].size() == 3 || words[1].size() == 4) &&
                      words[1].find_first_not_of("01234567") == std::string_view::npos;
  if (!begins) return std::nullopt;
  File file;
  for (const auto word : std::span(words).subspan(2)) (file.name += file.name.empty() ? "" : " ") += word;
  for (;;) {
    if (rest.empty()) return std::nullopt;
    const auto line = line_of(rest);
    if (line == "end") break;
    if (!decode_line(line, file.bytes)) return std::nullopt;
  }
  text = rest;
  return file;
}

std::vector<File> files_of(std::string_view& body) {
  std::vector<File> files;
  std::size_t begin = 0;
  for (auto at = begin; at < body.size();) {
    auto rest = body.substr(at);
    if (rest.starts_with("begin ")) {
      if (auto file = take_file(rest)) {
        file->before = body.substr(begin, at - begin);
        files.push_back(std::move(*file));
        begin = at = body.size() - rest.size();
        continue;
      }
    }
    const auto end = body.find('\n', at);
    at = end == body.npos ? body.size() : end + 1;
  }
  body.remove_prefix(begin);
  return files;
}

std::string text_part(std::string_view text, std::string_view type) {
  if (trim(replace_all(std::string(text), "\r\n", " ")).empty()) return {};
  return "Content-Type: " + std::string(type) + "\r\n\r\n" + std::string(text) + "\r\n";
}

std::string file_part(const File& file) {
  return "Content-Type: application/octet-stream" + format_parameter("name", printable(file.name)) +
         "\r\nContent-Disposition: attachment" + format_parameter("filename", printable(file.name)) +
         "\r\nContent-Transfer-Encoding: base64\r\n\r\n" + mail::encode_base64_lines(file.bytes);
}

}  // namespace

// Only of a message that is one plain text without an encoding.
std::string uuencoded_to_parts(std::string_view message, const mail::MimeLimits& limits) {
  const auto mime = mail::parse_mime(message, limits);
  const auto& root = mime.root();
  using enum mail::TransferEncoding;
  if (!root.is("text", "plain") || (root.encoding != seven_bit && root.encoding != eight_bit))
    return std::string(message);
  auto rest = mime.body_of(root);
  const auto files = files_of(rest);
  if (files.empty()) return std::string(message);
  const auto boundary = "Boundary_" + unique_id();
  const std::string_view type = root.content_type.data() ? root.content_type : "text/plain";
  std::string body;
  const auto put = [&](const std::string& part) {
    if (!part.empty()) body += "--" + boundary + "\r\n" + part;
  };
  for (const auto& file : files) {
    put(text_part(file.before, type));
    put(file_part(file));
  }
  put(text_part(rest, type));
  return with_fields(mime.header_of(root),
                     {{"MIME-Version", "1.0"},
                      {"Content-Type", "multipart/mixed; boundary=\"" + boundary + "\""},
                      {"Content-Transfer-Encoding", ""}}) +
         body + "--" + boundary + "--\r\n";
}

bool is_uuencoded(const mail::MimePart& part) {
  const auto words = split_words(part.content_encoding);
  return words.size() == 1 &&
         (iequals(words[0], "x-uuencode") || iequals(words[0], "x-uue") || iequals(words[0], "uuencode"));
}

std::optional<std::string> decode_uuencoded(std::string_view body) {
  auto rest = body;
  auto files = files_of(rest);
  const auto is_blank_text = [](std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == text.npos;
  };
  // Text around the file would be lost.
  if (files.size() != 1 || !is_blank_text(files[0].before) || !is_blank_text(rest)) return std::nullopt;
  return std::move(files[0].bytes);
}

std::string encode_uuencoded(std::string_view bytes, std::string_view name) {
  constexpr std::size_t kLineBytes = 45;
  const auto letter = [](unsigned value) { return value == 0 ? '`' : static_cast<char>(' ' + value); };
  std::string out = "begin 644 " + std::string(name.empty() ? "part" : name) + "\r\n";
  out.reserve(bytes.size() * 3 / 2 + 100);
  for (std::size_t at = 0; at < bytes.size(); at += kLineBytes) {
    const auto line = bytes.substr(at, kLineBytes);
    out += letter(static_cast<unsigned>(line.size()));
    for (std::size_t i = 0; i < line.size(); i += 3) {
      unsigned word = 0;
      for (std::size_t k = 0; k < 3; ++k)
        word = word << 8U | (i + k < line.size() ? static_cast<unsigned char>(line[i + k]) : 0U);
      for (const unsigned shift : {18U, 12U, 6U, 0U}) out += letter(word >> shift & 63U);
    }
    out += "\r\n";
  }
  return out + "`\r\nend\r\n";
}

}  // namespace waxwing::mta::form
