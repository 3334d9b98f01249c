// Level, Top, Bottom, Delete: multiparts of one part, and messages inside a message.
#include <fmt/format.h>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/parameters.h"
#include "mta/form/edits.h"
#include "mta/form/reformat.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

namespace {

using mail::Mime;
using mail::MimePart;

const MimePart& at(const Mime& mime, std::int32_t index) {
  return mime.parts[static_cast<std::size_t>(index)];
}

// Its header is the header of a message, and tells more than what the part is.
bool is_message_header(const Mime& mime, const MimePart& part) {
  return part.parent < 0 || at(mime, part.parent).kind == MimePart::Kind::message;
}

bool tells_content(std::string_view name) {
  return istarts_with(name, "Content-");
}

// Fields that tell of the content, or all the others.
std::string fields_of(std::string_view header, bool content) {
  std::string out;
  const auto block = scan_whole(header);
  for (const auto& field : block.fields()) {
    if (tells_content(field.name) == content) out += field.raw;
    if (!out.empty() && !out.ends_with("\n")) out += "\r\n";
  }
  return out;
}

class Levels {
 public:
  explicit Levels(std::string_view message) : mime_(mail::parse_mime(message)), edits_(message) {}
  std::string run() {
    if (!mime_.limited) visit(0);
    return edits_.take();
  }

 private:
  bool is_needless(const MimePart& part) const {
    const bool kind = part.is("multipart", "mixed") || part.is("multipart", "alternative") ||
                      part.is("multipart", "parallel") || part.is("multipart", "related");
    return part.kind == MimePart::Kind::multipart && part.children == 1 && kind && !is_sealed(mime_, part);
  }

  void visit(std::int32_t index) {
    const auto& part = at(mime_, index);
    // What has no type of its own is a message in a digest, and a text elsewhere.
    const bool in_digest = part.parent >= 0 && at(mime_, part.parent).is("multipart", "digest");
    auto inner = index;
    while (!in_digest && is_needless(at(mime_, inner))) inner = at(mime_, inner).first_child;
    const auto& kept = at(mime_, inner);
    if (inner != index && is_message_header(mime_, part))
      edits_.replace(
          part.header_begin, kept.body_begin,
          fields_of(mime_.header_of(part), false) + fields_of(mime_.header_of(kept), true) + "\r\n");
    else if (inner != index)
      edits_.replace(part.header_begin, kept.header_begin, "");
    for (auto child = kept.first_child; child >= 0; child = at(mime_, child).next_sibling) visit(child);
    // The line break before the boundary that goes was the boundary's.
    if (inner != index) edits_.replace(kept.end, part.end, part.parent < 0 ? "\r\n" : "");
  }

  const Mime mime_;
  Edits edits_;
};

class Flat {
 public:
  Flat(std::string_view message, Reformat::Inner how)
      : mime_(mail::parse_mime(message)), edits_(message), how_(how) {}
  std::string run() {
    if (!mime_.limited) visit(0);
    return edits_.take();
  }

 private:
  // A report without the message it is about would be none.
  bool is_taken(const MimePart& part) const {
    if (part.kind != MimePart::Kind::message || part.first_child < 0 || is_sealed(mime_, part)) return false;
    const bool encoded = part.encoding == mail::TransferEncoding::base64 ||
                         part.encoding == mail::TransferEncoding::quoted_printable;
    return !encoded && (part.parent < 0 || !at(mime_, part.parent).is("multipart", "report"));
  }

  std::string text_of_header(const MimePart& inner) const {
    auto header = fields_of(mime_.header_of(inner), false);
    if (header.ends_with('\n')) header.pop_back();
    if (header.ends_with('\r')) header.pop_back();
    bool wide = false;
    for (const char c : header) wide = wide || static_cast<unsigned char>(c) > 127;
    const std::string_view charset = !wide ? "us-ascii" : is_utf8(header) ? "utf-8" : "unknown-8bit";
    return fmt::format("Content-Type: text/plain; charset={}\r\n{}\r\n{}", charset,
                       wide ? "Content-Transfer-Encoding: 8bit\r\n" : "", header);
  }

  std::string content_header(const MimePart& inner) const {
    auto fields = fields_of(mime_.header_of(inner), true);
    if (inner.content_type.data() == nullptr) fields += "Content-Type: text/plain\r\n";
    return fields + "\r\n";
  }

  void visit(std::int32_t index) {
    const auto& part = at(mime_, index);
    if (!is_taken(part)) {
      for (auto child = part.first_child; child >= 0; child = at(mime_, child).next_sibling) visit(child);
      return;
    }
    const auto& inner = at(mime_, part.first_child);
    auto [before, behind] = around(part, inner);
    edits_.replace(part.header_begin, inner.body_begin, before);
    for (auto child = inner.first_child; child >= 0; child = at(mime_, child).next_sibling) visit(child);
    edits_.replace(inner.end, part.end, behind);
  }

  // What stands before the content of the inner message, and what behind it.
  std::pair<std::string, std::string> around(const MimePart& part, const MimePart& inner) const {
    const bool alone = is_message_header(mime_, part);
    const auto content = content_header(inner);
    if (how_ == Reformat::Inner::bare)
      return {alone ? fields_of(mime_.header_of(part), false) + content : content, ""};
    std::string boundary, before, end;
    if (alone) {
      boundary = "Boundary_" + unique_id();
      before = with_fields(mime_.header_of(part),
                           {{"MIME-Version", "1.0"},
                            {"Content-Type", "multipart/mixed; boundary=\"" + boundary + "\""},
                            {"Content-Transfer-Encoding", ""}}) +
               "--" + boundary + "\r\n";
      end = "\r\n--" + boundary + "--\r\n";
    } else {
      boundary = mail::plain_parameter(at(mime_, part.parent).content_type, "boundary").value_or("");
    }
    const auto next = "\r\n--" + boundary + "\r\n";
    const auto header = text_of_header(inner);
    if (how_ == Reformat::Inner::top) return {before + header + next + content, end};
    return {before + content, next + header + end};
  }

  const Mime mime_;
  Edits edits_;
  const Reformat::Inner how_;
};

}  // namespace

std::string drop_levels(std::string_view message) {
  return Levels(message).run();
}

std::string flatten_messages(std::string_view message, Reformat::Inner how) {
  return Flat(message, how).run();
}

}  // namespace waxwing::mta::form
