#include "channels/master/local_text.h"

#include <utility>

#include "common/base/strings.h"

namespace waxwing::channels {

namespace {
constexpr std::size_t kPieceBytes = 64 * 1024;
}

LocalText::LocalText(const mta::queue::Reader& message, std::string head)
    : message_(message), head_(std::move(head)) {}

Result<std::string> LocalText::next() {
  auto text = std::exchange(head_, "");
  while (text.empty() && at_ < message_.message_size()) {
    TRY(const auto piece, message_.read_message(at_, kPieceBytes));
    at_ += piece.size();
    text = form_.take(piece);
  }
  return text.empty() ? form_.end() : text;
}

std::string return_path_line(const std::string& sender) {
  return "Return-Path: <" + printable(sender) + ">\n";
}

}  // namespace waxwing::channels
