#include "mta/notify/templates.h"

#include <array>
#include <span>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing::mta::notify {

namespace {
struct Fallback {
  const char* name;
  const char* text;
};
constexpr std::array kDelivery = {
    Fallback{"prefix", "This report is about a message you sent with these header fields:\n\n%H\n"},
    Fallback{"bounced", "Your message could not be delivered to:\n\n%R"},
    Fallback{"timedout",
             "Your message could not be delivered in %F %u%s and is returned. Not delivered to:\n\n%R"},
    Fallback{"delayed",
             "Your message has not been delivered for %C %u%s and is still being tried for:\n\n%R"},
    Fallback{"delivered", "Your message was delivered to:\n\n%R"},
    Fallback{"forwarded", "Your message was passed on to a system that may not report delivery, for:\n\n%R"},
    Fallback{"suffix", ""},
};
constexpr std::array kDisposition = {
    Fallback{"prefix", "This receipt is about a message you sent with these header fields:\n\n%H\n"},
    Fallback{"displayed", "Your message was shown to:\n\n%R"},
    Fallback{"deleted", "Your message was deleted, and may not have been read, by:\n\n%R"},
    Fallback{"dispatched", "Your message was passed on, and may not have been read, by:\n\n%R"},
    Fallback{"processed", "Your message was handled by a program, and may not have been read, for:\n\n%R"},
    Fallback{"suffix", ""},
};
struct Family {
  const char* file;  // how its files begin
  std::span<const Fallback> texts;
};
Family family_of(TextFamily family) {
  if (family == TextFamily::disposition) return {"/disposition_", kDisposition};
  return {"/return_", kDelivery};
}
constexpr const char* kPartHeader = "Content-Type: text/plain; charset=us-ascii\r\n";

// The lines before the first empty line, when they look like a header.
std::string take_header(std::string& text) {
  if (!istarts_with(text, "content-")) return kPartHeader;
  std::string header;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto line = trim(take_until(rest, '\n'));
    if (line.empty()) break;
    header += std::string(line) + "\r\n";
  }
  text = std::string(rest);
  return header;
}
}  // namespace

void Templates::set_language(std::string_view tag) {
  if (ifind(part_header_, "Content-Language:") == std::string::npos)
    part_header_ += "Content-Language: " + std::string(tag) + "\r\n";
}

Templates Templates::load(const std::string& directory, std::vector<std::string>& problems,
                          const Templates* otherwise, TextFamily family) {
  Templates templates;
  templates.part_header_ = kPartHeader;
  const auto [file, rows] = family_of(family);
  for (const auto& row : rows) {
    auto text = read_file(directory + file + row.name + ".txt", 65536);
    if (!text && !otherwise) problems.push_back(text.error().text);
    if (!text && otherwise) {
      templates.texts_[row.name] = otherwise->text(row.name);
      if (std::string_view(row.name) == "prefix") templates.part_header_ = otherwise->part_header();
      continue;
    }
    std::string words = text ? std::move(*text) : row.text;
    if (std::string_view(row.name) == "prefix") templates.part_header_ = take_header(words);
    templates.texts_[row.name] = std::move(words);
  }
  const auto options = directory + "/return_header.opt";
  if (auto text = read_file(options, 65536))
    templates.header_options_ = parse_header_options(*text, options, problems);
  else if (otherwise)
    templates.header_options_ = otherwise->header_options();
  return templates;
}

std::string_view Templates::text(std::string_view name) const {
  const auto at = texts_.find(name);
  return at == texts_.end() ? std::string_view() : std::string_view(at->second);
}

namespace {
class Substitution {
 public:
  explicit Substitution(const Substitutions& values) : values_(values) {}

  std::string run(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '%' && i + 1 < text.size() && sequence(text[i + 1]))
        ++i;
      else
        put(text[i]);
    }
    return std::move(out_);
  }

 private:
  void put(char c) {
    if (c == '\n' && !out_.ends_with('\r')) out_ += '\r';
    if (c != '\r') out_ += c;
  }
  void put(std::string_view text) {
    for (const char c : text) put(c);
  }
  bool number(std::int64_t value) {
    put(std::to_string(value));
    plural_ = value != 1;
    return true;
  }
  bool word(const char* text) {
    put(text);
    return true;
  }

  bool sequence(char letter) {
    switch (letter) {
      case 'H':
        return put(values_.headers), true;
      case 'R':
        return put(values_.recipients), true;
      case 'C':
        return number(values_.units_so_far);
      case 'L':
        return number(values_.units_left);
      case 'F':
        return number(values_.units_allowed);
      case 'U':
        return word(values_.hours ? "Hour" : "Day");
      case 'u':
        return word(values_.hours ? "hour" : "day");
      case 'S':
        return word(plural_ ? "S" : "");
      case 's':
        return word(plural_ ? "s" : "");
      case '%':
        return word("%");
      default:
        return false;
    }
  }

  const Substitutions& values_;
  std::string out_;
  bool plural_ = false;
};
}  // namespace

std::string substitute(std::string_view text, const Substitutions& values) {
  return Substitution(values).run(text);
}

}  // namespace waxwing::mta::notify
