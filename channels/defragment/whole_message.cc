#include "channels/defragment/whole_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "channels/defragment/piece.h"
#include "channels/resubmit/open_now.h"
#include "common/mail/header.h"

namespace waxwing::channels {

namespace {

using mta::queue::FileName;
using mta::queue::is_gone;
using mta::queue::Queue;
using mta::queue::Reader;

constexpr std::size_t kPieceBytes = 64 * 1024;
constexpr std::size_t kMostHeaderBytes = 256 * 1024;

// Where the text of a piece begins.
Result<std::uint64_t> text_begin(const std::string& header) {
  const auto block = mail::HeaderBlock::scan(header);
  if (!block.has_empty_line()) return permanent("a piece has no end of its header");
  return block.size();
}

}  // namespace

// A piece that is held or removed may come back, or its set is looked at again without it.
Result<Reader> open_piece(const Queue& queue, const FileName& file) {
  auto opened = open_now(queue, file, HeldOnes::not_these);
  if (!opened && is_gone(opened.error())) return temporary("a piece is gone: " + file.relative());
  return opened;
}

Result<WholeMessage> WholeMessage::open(const Queue& queue, const std::vector<FileName>& pieces,
                                        std::uint64_t max_bytes) {
  WholeMessage whole(queue);
  for (const auto& file : pieces) {
    TRY(const auto message, open_piece(queue, file));
    TRY_VOID(message.verify_message());
    TRY(const auto header, message.read_header(kMostHeaderBytes));
    TRY(const auto begin, text_begin(header));
    whole.parts_.push_back({file, begin, message.message_size()});
    if (whole.parts_.size() == 1) TRY_VOID(whole.take_first(message, header));
    whole.size_bytes_ += message.message_size() - whole.parts_.back().begin;
    if (whole.size_bytes_ > max_bytes)
      return permanent(fmt::format("the whole message has more than {} bytes", max_bytes));
  }
  return whole;
}

// The header of the message is all in its first piece.
Result<> WholeMessage::take_first(const Reader& message, const std::string& outer) {
  auto& part = parts_.front();
  TRY(const auto text, message.read_message(part.begin, kMostHeaderBytes));
  const auto inner = mail::HeaderBlock::scan(text);
  if (!inner.has_empty_line()) return permanent("the header of the message is not in its first piece");
  header_ = whole_header(mail::HeaderBlock::scan(outer).text(), inner.text());
  size_bytes_ += header_.size();
  part.begin += inner.size();
  return {};
}

Result<std::string> WholeMessage::next() {
  if (!header_.empty()) return std::exchange(header_, "");
  while (at_ < parts_.size()) {
    auto& part = parts_[at_];
    if (!open_) {
      TRY(auto opened, open_piece(queue_, part.file));
      open_.emplace(std::move(opened));
    }
    const auto left = part.end - part.begin;
    if (left > 0) {
      TRY(auto text, open_->read_message(part.begin, std::min<std::uint64_t>(left, kPieceBytes)));
      if (text.empty()) return temporary("a piece ended before its end: " + part.file.relative());
      part.begin += text.size();
      return text;
    }
    open_.reset();
    ++at_;
  }
  return std::string();
}

Result<bool> same_text(const Queue& queue, const FileName& one, const FileName& other) {
  TRY(const auto a, open_piece(queue, one));
  TRY(const auto b, open_piece(queue, other));
  TRY(const auto a_header, a.read_header(kMostHeaderBytes));
  TRY(const auto b_header, b.read_header(kMostHeaderBytes));
  TRY(auto a_at, text_begin(a_header));
  TRY(auto b_at, text_begin(b_header));
  if (a.message_size() - a_at != b.message_size() - b_at) return false;
  while (a_at < a.message_size()) {
    TRY(const auto a_text, a.read_message(a_at, kPieceBytes));
    TRY(const auto b_text, b.read_message(b_at, kPieceBytes));
    if (a_text != b_text || a_text.empty()) return false;
    a_at += a_text.size();
    b_at += b_text.size();
  }
  return true;
}

}  // namespace waxwing::channels
