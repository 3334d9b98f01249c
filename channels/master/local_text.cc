#include "channels/master/local_text.h"

#include <utility>

#include "common/base/strings.h"
#include "common/mail/header.h"
#include "mta/notify/disposition_request.h"

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

std::string original_recipient_line(const mta::queue::Reader& message, std::size_t recipient,
                                    std::string_view end) {
  const auto& original = message.envelope().recipients.at(recipient).original;
  const auto header = message.read_header();
  // Almost no message asks: the header is taken apart only then.
  if (original.empty() || !header || ifind(*header, "disposition-notification-to") == std::string::npos)
    return {};
  if (!mta::notify::asks_for_disposition(mail::HeaderBlock::scan(*header))) return {};
  const bool typed = original.find(';') != std::string::npos;
  return std::string("Original-Recipient: ") + (typed ? "" : "rfc822;") + printable(original) +
         std::string(end);
}

}  // namespace waxwing::channels
