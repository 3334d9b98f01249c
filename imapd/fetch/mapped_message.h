// A message file in the address space, for the MIME parser. Message files never change or shrink, so a
// mapping cannot fault. Workers only: touching it may wait for the disk.
#pragma once

#include <memory>
#include <string_view>

#include "common/base/result.h"
#include "common/mail/mime.h"
#include "store/mailbox.h"

namespace waxwing::imap {

class MappedMessage {
 public:
  static Result<std::unique_ptr<MappedMessage>> map(const store::MessageBytes& file);
  ~MappedMessage();
  MappedMessage(const MappedMessage&) = delete;

  std::string_view bytes() const { return bytes_; }
  const mail::Mime& mime() const { return mime_; }
  std::uint64_t offset_of(std::string_view inside) const {
    return static_cast<std::uint64_t>(inside.data() - bytes_.data());
  }

 private:
  explicit MappedMessage(std::string_view bytes) : bytes_(bytes), mime_(mail::parse_mime(bytes)) {}
  std::string_view bytes_;
  mail::Mime mime_;
};

}  // namespace waxwing::imap
