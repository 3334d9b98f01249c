// The texts of notifications: config/locale/C/return_<what>.txt and disposition_<what>.txt, with % sequences. Man
// page: return_text(5).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "mta/config/header_options.h"

namespace waxwing::mta::notify {

struct Substitutions {
  std::string headers;             // %H: fields of the original, one a line
  std::string recipients;          // %R: one a line, indented, with reasons
  std::int64_t units_so_far = 0;   // %C
  std::int64_t units_left = 0;     // %L
  std::int64_t units_allowed = 0;  // %F
  bool hours = false;              // %U %u: Hour, hour, else Day, day; %S %s: plural of the number before it
};

// Every % sequence replaced; unknown ones stay as they are. Lines end in CRLF afterwards.
std::string substitute(std::string_view text, const Substitutions& values);

enum class TextFamily {
  delivery,     // return_*: prefix, suffix, bounced, timedout, delayed, delivered, forwarded
  disposition,  // disposition_*: prefix, suffix, displayed, deleted, dispatched, processed
};

class Templates {
 public:
  // One that is missing is named in problems and replaced by a single plain line: a notification is never lost for want
  // of a text. otherwise: what takes the place of a missing one, in place of that line. return_header.opt may be missing.
  static Templates load(const std::string& directory, std::vector<std::string>& problems,
                        const Templates* otherwise = nullptr, TextFamily family = TextFamily::delivery);
  // Content-Language: of the text part, where the prefix file does not say it.
  void set_language(std::string_view tag);
  // What stands in the file of that name, without its header lines.
  std::string_view text(std::string_view name) const;
  // Content-Type and Content-Language of the text part, from the prefix file; complete lines, CRLF.
  std::string_view part_header() const { return part_header_; }
  // return_header.opt: what is done to the header of the notice itself; nothing without that file.
  const HeaderOptions& header_options() const { return header_options_; }

 private:
  std::map<std::string, std::string, std::less<>> texts_;
  std::string part_header_;
  HeaderOptions header_options_;
};

}  // namespace waxwing::mta::notify
