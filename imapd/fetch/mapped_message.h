// A message file in the address space, for the MIME parser: a small one is read, since a mapping costs more
// (its end interrupts all threads), a larger one is mapped. Message files never change or shrink, so a
// mapping cannot fault. Workers only: touching it may wait for the disk.
#pragma once

#include <memory>
#include <string>
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
  explicit MappedMessage(std::string read)
      : read_(std::move(read)), bytes_(read_), mime_(mail::parse_mime(bytes_)) {}
  explicit MappedMessage(std::string_view mapped)
      : mapped_(true), bytes_(mapped), mime_(mail::parse_mime(bytes_)) {}
  std::string read_;
  bool mapped_ = false;
  std::string_view bytes_;
  mail::Mime mime_;
};

}  // namespace waxwing::imap
