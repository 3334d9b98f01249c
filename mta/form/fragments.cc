#include "mta/form/fragments.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/mail/header.h"
#include "common/mail/seven_bit.h"
#include "mta/form/whole_header.h"

namespace waxwing::mta::form {

namespace {

constexpr std::uint64_t kLeastBytes = 1024;  // a limit below would make more headers than text

// Fields of the message itself, not of its copies around the pieces.
bool is_inner(std::string_view name) {
  return istarts_with(name, "Content-") || iequals(name, "Subject") || iequals(name, "Message-ID") ||
         iequals(name, "Encrypted") || iequals(name, "MIME-Version") ||
         // RFC 8098 §2.4: one notification for the message, none for its pieces.
         istarts_with(name, "Disposition-Notification-") || iequals(name, "Original-Recipient");
}

bool over(std::uint64_t bytes, std::uint64_t lines, const FragmentLimits& limits) {
  return (limits.max_bytes && bytes > limits.max_bytes) || (limits.max_lines && lines > limits.max_lines);
}

// What is left for the text. The fields that every piece gets besides those of the message: about this much.
FragmentLimits without_header(const FragmentLimits& limits, std::string_view fields) {
  constexpr std::uint64_t kOwnBytes = 300, kOwnLines = 5;
  const auto left = [](std::uint64_t limit, std::uint64_t header, double share) {
    return limit - std::min(header, static_cast<std::uint64_t>(static_cast<double>(limit) * share));
  };
  auto text = limits;
  if (limits.max_bytes > 0)
    text.max_bytes = std::max<std::uint64_t>(
        1, left(limits.max_bytes, fields.size() + kOwnBytes, limits.header_bytes_share));
  if (limits.max_lines > 0) {
    const auto lines = static_cast<std::uint64_t>(std::ranges::count(fields, '\n')) + kOwnLines;
    text.max_lines = std::max<std::uint64_t>(1, left(limits.max_lines, lines, limits.header_lines_share));
  }
  return text;
}

// Where the pieces end: whole lines, each piece within the limits; a line that is longer than a piece is one.
class Ends {
 public:
  explicit Ends(const FragmentLimits& limits) : limits_(limits) {}
  void add(std::string_view text) {
    while (!text.empty()) {
      const auto line = text.substr(0, text.find('\n') + 1);
      const auto size = line.empty() ? text.size() : line.size();
      if (lines_ > 0 && over(bytes_ + size, lines_ + 1, limits_)) {
        ends_.push_back(at_);
        bytes_ = lines_ = 0;
      }
      at_ += size;
      bytes_ += size;
      ++lines_;
      text.remove_prefix(size);
    }
  }
  std::vector<std::size_t> take() {
    ends_.push_back(at_);
    return std::move(ends_);
  }

 private:
  const FragmentLimits& limits_;
  std::vector<std::size_t> ends_;
  std::size_t at_ = 0;
  std::uint64_t bytes_ = 0, lines_ = 0;
};

}  // namespace

Pieces::Pieces(std::string message) : message_(std::move(message)), ends_{message_.size()} {}

Pieces Pieces::cut(std::string message, const FragmentLimits& given, std::string_view host) {
  auto limits = given;
  if (limits.max_bytes > 0) limits.max_bytes = std::max(limits.max_bytes, kLeastBytes);
  const auto lines = static_cast<std::uint64_t>(std::ranges::count(message, '\n'));
  if (!over(message.size(), lines, limits)) return Pieces(std::move(message));
  mail::SevenBitForm narrow;
  const bool wide = mail::has_eight_bit(message);
  if (wide) narrow = mail::to_seven_bit(message);
  if (wide && (!narrow.possible || mail::has_eight_bit(narrow.message))) return Pieces(std::move(message));
  auto& text = wide ? narrow.message : message;
  const auto block = scan_whole(text);
  std::string outer, inner, subject;
  for (const auto& field : block.fields()) {
    (is_inner(field.name) ? inner : outer) += field.raw;
    if (iequals(field.name, "Subject")) subject = field.raw;
  }
  inner += "\r\n";
  const auto text_limits = without_header(limits, outer + subject);
  Ends ends(text_limits);
  ends.add(inner);
  ends.add(std::string_view(text).substr(block.size()));
  auto found = ends.take();
  if (found.size() < 2) return Pieces(std::move(message));
  text.replace(0, block.size(), inner);
  Pieces pieces(std::move(text));
  pieces.ends_ = std::move(found);
  pieces.fields_ = outer + subject;
  pieces.id_ = unique_id();
  pieces.host_ = host;
  return pieces;
}

std::string Pieces::head(std::size_t piece) const {
  if (!fragments()) return {};
  return fields_ + fmt::format(
                       "Message-ID: <{}.{}@{}>\r\nMIME-Version: 1.0\r\nContent-Type: message/partial; "
                       "id=\"{}@{}\";\r\n number={}; total={}\r\n\r\n",
                       id_, piece + 1, host_, id_, host_, piece + 1, count());
}

std::string_view Pieces::text(std::size_t piece) const {
  const auto begin = piece == 0 ? 0 : ends_[piece - 1];
  return std::string_view(message_).substr(begin, ends_[piece] - begin);
}

}  // namespace waxwing::mta::form
