// A message's text as SEARCH sees it: headers decoded, text parts decoded to UTF-8, all case-folded.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "imapd/fetch/mapped_message.h"
#include "store/mailbox.h"

namespace waxwing::imap {

// True when some field of that name holds the folded needle. An empty needle asks for the field alone.
bool header_contains(const mail::HeaderBlock& header, std::string_view name, std::string_view needle);

class MessageText {
 public:
  // Blocks. max_part_bytes: how much of each decoded part is looked at.
  static Result<std::unique_ptr<MessageText>> open(store::Mailbox& mailbox, const store::MessageInfo& info,
                                                   std::size_t max_part_bytes);

  const mail::HeaderBlock& header() const { return mapped_->mime().header; }
  // Text parts, and the headers of nested messages and parts.
  bool body_contains(std::string_view needle) const;
  // The message's header too.
  bool contains(std::string_view needle) const;

 private:
  MessageText(store::MessageBytes file, std::size_t max_part_bytes)
      : file_(std::move(file)), max_part_bytes_(max_part_bytes) {}
  store::MessageBytes file_;
  std::unique_ptr<MappedMessage> mapped_;
  std::size_t max_part_bytes_;
};

}  // namespace waxwing::imap
