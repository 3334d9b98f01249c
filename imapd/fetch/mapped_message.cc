#include "imapd/fetch/mapped_message.h"

#include <sys/mman.h>

#include <cerrno>

namespace waxwing::imap {

namespace {
constexpr std::uint64_t kReadNotMapped = 64 << 10;
}

Result<std::unique_ptr<MappedMessage>> MappedMessage::map(const store::MessageBytes& file) {
  if (file.size() <= kReadNotMapped) {
    TRY(auto bytes, file.read(0, file.size()));
    return std::unique_ptr<MappedMessage>(new MappedMessage(std::move(bytes)));
  }
  void* address = ::mmap(nullptr, file.size(), PROT_READ, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED) return std::unexpected(system_error("map a message file", errno));
  return std::unique_ptr<MappedMessage>(
      new MappedMessage(std::string_view(static_cast<const char*>(address), file.size())));
}

MappedMessage::~MappedMessage() {
  if (mapped_) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

}  // namespace waxwing::imap
