// Records in XML (LOG_FORMAT 4) and JSON (5): one element, or one object, a line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace waxwing::mta::mail_log {

// One field of a record.
struct Piece {
  // How the text form shows it: plain fields are never empty and hold no blank.
  enum class Look { plain, word, quoted, brackets, rest };
  const char* name;  // attribute: "sc"
  std::string value;
  Look look;
};
using HeaderFields = std::vector<std::pair<std::string, std::string>>;

// <en ts="…" sc="tcp_local" … /> or <en …><he na="Subject" va="…"/></en>. What XML cannot hold is "\x00".
std::string xml_line(const char* element, const std::vector<Piece>& pieces, const HeaderFields& header);
// {"ty":"en","ts":"…","sc":"tcp_local",…,"he":[["Subject","…"]]}: RFC 8259
std::string json_line(const char* type, const std::vector<Piece>& pieces, const HeaderFields& header);

}  // namespace waxwing::mta::mail_log
