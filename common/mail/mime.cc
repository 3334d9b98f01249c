#include "common/mail/mime.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "common/base/strings.h"
#include "common/mail/parameters.h"

namespace waxwing::mail {

namespace {

// FNV-1a, run on piece by piece.
std::uint32_t hash(std::string_view text, std::uint32_t seed = 2166136261U) {
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 16777619U;
  return seed;
}

std::string_view skip_comments(std::string_view text) {
  std::size_t depth = 0, at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '(') {
      ++depth;
    } else if (depth > 0 && c == ')') {
      --depth;
    } else if (depth > 0 && c == '\\') {
      ++at;
    } else if (depth == 0 && !is_blank(c) && c != '\r' && c != '\n') {
      break;
    }
  }
  return text.substr(std::min(at, text.size()));
}

std::string_view take_token(std::string_view& text) {
  text = skip_comments(text);
  std::size_t size = 0;
  while (size < text.size() && static_cast<unsigned char>(text[size]) > ' ' && text[size] != 127 &&
         std::string_view("()<>@,;:\\\"/[]?=").find(text[size]) == std::string_view::npos)
    ++size;
  const auto token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

class Parser {
 public:
  Parser(std::string_view message, const MimeLimits& limits) : message_(message), limits_(limits) {
    mime_.message = message;
  }

  Mime run() {
    mime_.parts.reserve(8);
    open(0);
    while (at_ < message_.size() && live_boundaries_ > 0) {
      const auto line = line_at(at_);
      if (line.starts_with("--") && boundary(line)) continue;
      pass(line);
    }
    while (at_ < message_.size()) pass(line_at(at_));
    close_above(0, message_.size(), lines_);
    return std::move(mime_);
  }

 private:
  // A part whose end has not been seen. The boundary is "" for what is no multipart, or closed.
  struct Open {
    std::int32_t part;
    std::int32_t last_child = -1;
    std::size_t first_body_line;
    std::string boundary;
  };
  struct Match {
    std::size_t level = 0;  // index in stack_, plus one; 0: no boundary
    bool closing = false;
  };

  std::string_view line_at(std::size_t at) const {
    const void* lf = std::memchr(message_.data() + at, '\n', message_.size() - at);
    const auto end = lf == nullptr
                         ? message_.size()
                         : static_cast<std::size_t>(static_cast<const char*>(lf) - message_.data()) + 1;
    return message_.substr(at, end - at);
  }

  void pass(std::string_view line) {
    at_ += line.size();
    lines_ += line.back() == '\n' ? 1 : 0;
  }

  // The innermost boundary this line is. Hashes first: hostile mail has deep nests and many "--" lines.
  Match match(std::string_view line) const {
    while (!line.empty() && (is_blank(line.back()) || line.back() == '\r' || line.back() == '\n'))
      line.remove_suffix(1);
    if (line.size() < 3) return {};
    line.remove_prefix(2);
    const bool dashes = line.ends_with("--");
    const auto inner = dashes ? line.substr(0, line.size() - 2) : line;
    const auto inner_hash = hash(inner), whole_hash = dashes ? hash("--", inner_hash) : inner_hash;
    for (std::size_t level = hashes_.size(); level > 0; --level) {
      const auto candidate = hashes_[level - 1];
      if (candidate != inner_hash && candidate != whole_hash) continue;
      const auto& wanted = stack_[level - 1].boundary;
      if (wanted.empty()) continue;
      if (wanted == line) return {level, false};
      if (dashes && wanted == inner) return {level, true};
    }
    return {};
  }

  // Acts on a boundary line; false when it is none.
  bool boundary(std::string_view line) {
    const auto found = match(line);
    if (found.level == 0) return false;
    if (!found.closing && mime_.parts.size() >= limits_.max_parts) {
      mime_.limited = true;
      return false;
    }
    close_above(found.level, at_, lines_);
    pass(line);
    if (found.closing) {
      stack_[found.level - 1].boundary.clear();
      --live_boundaries_;
    } else {
      open(at_);
    }
    return true;
  }

  // Ends every open part above level at this offset; a line break before it belongs to the boundary.
  void close_above(std::size_t level, std::size_t offset, std::size_t lines) {
    if (stack_.size() <= level) return;
    const auto floor = mime_.parts[static_cast<std::size_t>(stack_.back().part)].body_begin;
    if (offset < message_.size() || level > 0) {
      if (offset > floor && message_[offset - 1] == '\n') --offset, --lines;
      if (offset > floor && message_[offset - 1] == '\r') --offset;
    }
    while (stack_.size() > level) {
      const auto& top = stack_.back();
      auto& part = mime_.parts[static_cast<std::size_t>(top.part)];
      part.end = offset;
      part.body_lines = lines - std::min(lines, top.first_body_line);
      if (part.body_size() > 0 && message_[offset - 1] != '\n') ++part.body_lines;
      if (!top.boundary.empty()) --live_boundaries_;
      stack_.pop_back();
      hashes_.pop_back();
    }
  }

  // Opens the part whose header begins here and, when it is a message, the message inside.
  void open(std::size_t begin) {
    for (bool inside = true; inside;) {
      const auto index = static_cast<std::int32_t>(mime_.parts.size());
      MimePart part;
      part.header_begin = begin;
      link(part, index);
      read_header(part);
      auto boundary = classify(part);
      begin = at_ = part.body_begin;
      lines_ += part.header_lines;
      inside = part.kind == MimePart::Kind::message;
      hashes_.push_back(hash(boundary));
      if (!boundary.empty()) ++live_boundaries_;
      stack_.push_back({index, -1, lines_, std::move(boundary)});
      mime_.parts.push_back(part);
    }
  }

  void link(MimePart& part, std::int32_t index) {
    if (stack_.empty()) return;
    auto& around = stack_.back();
    auto& parent = mime_.parts[static_cast<std::size_t>(around.part)];
    part.parent = around.part;
    part.depth = static_cast<std::uint16_t>(parent.depth + 1);
    if (around.last_child < 0)
      parent.first_child = index;
    else
      mime_.parts[static_cast<std::size_t>(around.last_child)].next_sibling = index;
    around.last_child = index;
    ++parent.children;
  }

  void read_header(MimePart& part) {
    const auto rest = message_.substr(part.header_begin);
    auto block = live_boundaries_ == 0
                     ? HeaderBlock::scan(rest, limits_.header)
                     : HeaderBlock::scan_part(rest, limits_.header, [this](std::string_view line) {
                         return match(line).level > 0;
                       });
    part.body_begin = part.header_begin + block.size();
    part.header_lines = block.lines();
    mime_.limited = mime_.limited || block.limited();
    for (const auto& field : block.fields())
      if (istarts_with(field.name, "content-")) note(part, field.name.substr(8), field.value);
    if (part.header_begin == 0) mime_.header = std::move(block);
  }

  // The first field of a name counts.
  static void note(MimePart& part, std::string_view name, std::string_view value) {
    struct Slot {
      std::string_view name;
      std::string_view MimePart::*member;
    };
    static constexpr Slot slots[] = {{"type", &MimePart::content_type},
                                     {"transfer-encoding", &MimePart::content_encoding},
                                     {"disposition", &MimePart::content_disposition},
                                     {"id", &MimePart::content_id},
                                     {"description", &MimePart::content_description},
                                     {"md5", &MimePart::content_md5},
                                     {"language", &MimePart::content_language},
                                     {"location", &MimePart::content_location}};
    for (const auto& slot : slots)
      if ((part.*slot.member).data() == nullptr && iequals(slot.name, name)) part.*slot.member = value;
  }

  // Type, encoding and kind; answers the boundary of a multipart.
  std::string classify(MimePart& part) {
    part.encoding = transfer_encoding(part.content_encoding);
    auto rest = part.content_type;
    part.type = take_token(rest);
    rest = skip_comments(rest);
    if (rest.starts_with('/')) {
      rest.remove_prefix(1);
      part.subtype = take_token(rest);
    }
    if (part.type.empty() || part.subtype.empty()) {
      const bool digest = part.parent >= 0 && part.content_type.data() == nullptr &&
                          mime_.parts[static_cast<std::size_t>(part.parent)].is("multipart", "digest");
      part.type = digest ? "message" : "text";
      part.subtype = digest ? "rfc822" : "plain";
    }
    const bool encoded =
        part.encoding == TransferEncoding::base64 || part.encoding == TransferEncoding::quoted_printable;
    const bool multipart = iequals(part.type, "multipart");
    if (encoded || (!multipart && !part.is("message", "rfc822") && !part.is("message", "global"))) return {};
    if (part.depth >= limits_.max_depth || (!multipart && mime_.parts.size() + 1 >= limits_.max_parts)) {
      part.limited = mime_.limited = true;
      return {};
    }
    if (!multipart) {
      part.kind = MimePart::Kind::message;
      return {};
    }
    auto boundary = plain_parameter(part.content_type, "boundary").value_or("");
    while (!boundary.empty() && is_blank(boundary.back())) boundary.pop_back();
    if (!boundary.empty()) part.kind = MimePart::Kind::multipart;
    return boundary;
  }

  std::string_view message_;
  const MimeLimits& limits_;
  Mime mime_;
  std::vector<Open> stack_;
  std::vector<std::uint32_t> hashes_;  // of the boundaries in stack_
  std::size_t at_ = 0, lines_ = 0;     // how far, and line ends before that
  std::size_t live_boundaries_ = 0;
};

}  // namespace

bool MimePart::is(std::string_view type_name, std::string_view subtype_name) const {
  return iequals(type, type_name) && (subtype_name == "*" || iequals(subtype, subtype_name));
}

std::string_view Mime::header_of(const MimePart& part) const {
  return message.substr(part.header_begin, part.header_size());
}

std::string_view Mime::body_of(const MimePart& part) const {
  return message.substr(part.body_begin, part.body_size());
}

Mime parse_mime(std::string_view message, const MimeLimits& limits) {
  return Parser(message, limits).run();
}

TransferEncoding transfer_encoding(std::string_view value) {
  const auto token = take_token(value);
  if (token.empty() || iequals(token, "7bit")) return TransferEncoding::seven_bit;
  if (iequals(token, "8bit")) return TransferEncoding::eight_bit;
  if (iequals(token, "binary")) return TransferEncoding::binary;
  if (iequals(token, "quoted-printable")) return TransferEncoding::quoted_printable;
  if (iequals(token, "base64")) return TransferEncoding::base64;
  return TransferEncoding::unknown;
}

}  // namespace waxwing::mail
