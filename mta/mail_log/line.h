// A record in the making: fields go to the end of one text, in the form that LOG_FORMAT asks for.
//
//   1 to 3  22-Nov-2026 13:05:01.42 tcp_local l E 1 joe@example.com …
//   4       <en ts="…" sc="tcp_local" … /> or <en …><he na="Subject" va="…"/></en>
//   5       {"ty":"en","ts":"…","sc":"tcp_local",…,"he":[["Subject","…"]]}: RFC 8259
//
// No byte of a value ends a line or begins another field: control characters become "\x0a" in text and XML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waxwing::mta::mail_log {

using HeaderFields = std::vector<std::pair<std::string, std::string>>;

class Line {
 public:
  // How the text form shows a field: plain ones are never empty and hold no blank.
  enum class Look { plain, word, quoted, brackets };

  // kind: the element, or the value of "ty": "en", "co". out lives as long as the line.
  Line(std::string& out, std::int64_t format, std::string_view kind);
  bool marked() const { return format_ >= 4; }
  // name: of the attribute. Of a value the first 2000 bytes.
  void put(std::string_view name, std::string_view value, Look look = Look::word);
  void end(const HeaderFields& header);

 private:
  void text(std::string_view value, Look look);
  void end_xml(const HeaderFields& header);
  void end_json(const HeaderFields& header);

  std::string& out_;
  const std::int64_t format_;
  const std::string_view kind_;
  bool first_ = true;
};

}  // namespace waxwing::mta::mail_log
