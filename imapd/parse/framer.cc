#include "imapd/parse/framer.h"

#include <algorithm>
#include <optional>

#include "common/base/strings.h"
#include "imapd/parse/scanner.h"

namespace waxwing::imap {
namespace {

// Longest literal announcement: "~{18446744073709551615+}" and CR.
constexpr std::size_t kTailBytes = 32;
// Of a command that is dropped: enough for its tag.
constexpr std::size_t kKeptBytes = 256;

struct Announcement {
  std::size_t start = 0;  // of the brace, or of the ~ before it
  std::uint64_t size = 0;
  bool synchronizing = true;
  bool binary = false;
};

// "{123}" or "{123+}" at the end of a line.
std::optional<Announcement> announced_literal(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const auto brace = line.rfind('{');
  if (brace == std::string_view::npos) return std::nullopt;
  auto digits = line.substr(brace + 1, line.size() - brace - 2);
  Announcement found{.start = brace};
  if (digits.ends_with('+')) {
    digits.remove_suffix(1);
    found.synchronizing = false;
  }
  if (digits.empty() || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  found.size = to_number<std::uint64_t>(digits).value_or(UINT64_MAX);
  if (brace > 0 && line[brace - 1] == '~') {
    found.binary = true;
    --found.start;
  }
  return found;
}

}  // namespace

std::size_t CommandFramer::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::more && taken < bytes.size()) {
    const auto rest = bytes.substr(taken);
    taken += literal_left_ > 0 ? feed_literal(rest) : feed_line(rest);
  }
  return taken;
}

std::size_t CommandFramer::feed_literal(std::string_view bytes) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(literal_left_, bytes.size()));
  if (!dropping_) text_.append(bytes.substr(0, count));
  line_start_ = text_.size();
  literal_left_ -= count;
  return count;
}

std::size_t CommandFramer::feed_line(std::string_view bytes) {
  const auto newline = bytes.find('\n');
  const auto count = newline == std::string_view::npos ? bytes.size() : newline;
  const auto piece = bytes.substr(0, count);
  if (!dropping_ && text_.size() + piece.size() > limits_.command_bytes) {
    tail_ = text_.substr(std::max(line_start_, text_.size() - std::min(text_.size(), kTailBytes)));
    if (text_.size() < kKeptBytes) text_.append(piece.substr(0, kKeptBytes));
    fail("the command is longer than " + std::to_string(limits_.command_bytes) + " bytes");
  }
  if (dropping_) {
    tail_.append(piece.substr(piece.size() - std::min(piece.size(), kTailBytes)));
    if (tail_.size() > 2 * kTailBytes) tail_.erase(0, tail_.size() - kTailBytes);
  } else {
    text_.append(piece);
  }
  if (newline == std::string_view::npos) return count;
  end_line();
  return count + 1;
}

void CommandFramer::end_line() {
  auto& line = dropping_ ? tail_ : text_;
  // What stands in a literal announces nothing, and a CR at its end is its own.
  const std::size_t start = dropping_ ? 0 : line_start_;
  if (line.size() > start && line.ends_with('\r')) line.pop_back();
  const auto literal = announced_literal(std::string_view(line).substr(start));
  if (!literal) {
    state_ = dropping_ ? State::failed : State::complete;
    return;
  }
  synchronizing_ = literal->synchronizing;
  binary_ = literal->binary;
  if (!dropping_ && is_append_message(line_start_ + literal->start)) {
    literal_left_ = literal->size;
    state_ = State::message;
    return;
  }
  begin_literal(literal->size);
}

void CommandFramer::begin_literal(std::uint64_t size) {
  if (!dropping_) {
    text_.append("\r\n");
    line_start_ = text_.size();
    if (size > limits_.literal_bytes || text_.size() + size > limits_.command_bytes)
      fail("a literal of " + std::to_string(size) + " bytes is too long here");
  }
  tail_.clear();
  if (dropping_) {
    // Not invited, a synchronizing literal will not come; an announced one has to be read past.
    if (synchronizing_) state_ = State::failed;
    if (!synchronizing_ && size > limits_.discard_bytes) state_ = State::fatal;
    literal_left_ = synchronizing_ ? 0 : size;
    return;
  }
  literal_left_ = size;
  if (synchronizing_) state_ = State::continuation;
}

// The message is the literal that follows the mailbox name: some argument already stands before it.
bool CommandFramer::is_append_message(std::size_t literal_start) const {
  if (!limits_.streams_append || message_end_ > 0) return false;
  std::string_view before = std::string_view(text_).substr(0, literal_start);
  take_until(before, ' ');
  if (!istarts_with(before, "APPEND ")) return false;
  return before.size() > 7;
}

void CommandFramer::fail(std::string why) {
  problem_ = std::move(why);
  dropping_ = true;
  text_.resize(std::min(text_.size(), kKeptBytes));  // keeps the tag
}

std::string_view CommandFramer::tag() const {
  constexpr std::size_t kMostBytes = 200;
  const auto tag = Scanner(text_).tag();
  return tag && tag->size() <= kMostBytes ? *tag : std::string_view();
}

void CommandFramer::resume() {
  if (state_ == State::message) {
    // The line goes on behind the message; its announcement must not be seen twice.
    text_.append("\r\n");
    message_end_ = line_start_ = text_.size();
    literal_left_ = 0;
  }
  state_ = State::more;
}

void CommandFramer::reset() {
  state_ = State::more;
  if (text_.capacity() > 256) text_ = std::string();
  text_.clear();
  problem_.clear();
  tail_.clear();
  literal_left_ = 0;
  message_end_ = 0;
  line_start_ = 0;
  dropping_ = false;
}

}  // namespace waxwing::imap
