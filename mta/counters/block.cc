#include "mta/counters/block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>

#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::mta::counters {

namespace {

constexpr char kMagic[] = "WXCOUNT\n";
constexpr std::uint32_t kVersion = 1;

Result<std::unique_ptr<Block>> map(UniqueFd file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return std::unexpected(system_error("cannot look at " + path, errno));
  if (static_cast<std::size_t>(status.st_size) != kFileBytes)
    return permanent(path + " is not the file of this version's counters: imsimta counters -delete");
  void* const data = ::mmap(nullptr, kFileBytes, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (data == MAP_FAILED) return std::unexpected(system_error("cannot map " + path, errno));
  auto block = std::make_unique<Block>(std::move(file), static_cast<char*>(data));
  const auto& header = block->header();
  if (std::memcmp(header.magic, kMagic, sizeof header.magic) != 0 || header.version != kVersion)
    return permanent(path + " is not the file of this version's counters: imsimta counters -delete");
  return block;
}

// Whole before it has its name.
Result<> make_file(const std::string& path) {
  const auto temporary_path = path + "." + unique_id();
  TRY(const auto file, open_file(temporary_path, O_RDWR | O_CREAT | O_EXCL, 0660));
  Header header{};
  std::memcpy(header.magic, kMagic, sizeof header.magic);
  header.version = kVersion;
  header.bytes = kFileBytes;
  header.since = wall_seconds();
  const bool written = ::ftruncate(file.get(), kFileBytes) == 0 &&
                       ::pwrite(file.get(), &header, sizeof header, 0) == sizeof header;
  const int named = written ? ::link(temporary_path.c_str(), path.c_str()) : -1;
  const int problem = errno;
  ::unlink(temporary_path.c_str());
  if (named != 0 && problem != EEXIST) return std::unexpected(system_error("cannot make " + path, problem));
  return {};
}

}  // namespace

Result<std::unique_ptr<Block>> Block::open(const std::string& path) {
  TRY(auto file, open_file(path, O_RDWR));
  return map(std::move(file), path);
}

Result<std::unique_ptr<Block>> Block::open_or_create(const std::string& path) {
  if (!file_exists(path)) TRY_VOID(make_file(path));
  return open(path);
}

Block::Block(UniqueFd file, char* data)
    : file_(std::move(file)), data_(data), guard_(std::make_unique<FaultGuard>(data, kFileBytes)) {}

Block::~Block() {
  guard_.reset();  // before the addresses can be somebody else's
  ::munmap(data_, kFileBytes);
}

// Names are looked for from a place that the name says, up to the first free slot.
Slot* Block::slot(std::string_view channel) {
  if (channel.empty() || channel.size() >= kNameBytes) return nullptr;
  auto at = std::hash<std::string_view>{}(channel) % kSlots;
  for (std::size_t seen = 0; seen < kSlots; ++seen, at = (at + 1) % kSlots) {
    auto& slot = slot_at(at);
    auto state = slot.state.load(std::memory_order_acquire);
    if (state == Slot::kFree && slot.state.compare_exchange_strong(state, Slot::kClaimed)) {
      std::memcpy(slot.name, channel.data(), channel.size());
      slot.state.store(Slot::kNamed, std::memory_order_release);
      return &slot;
    }
    if (state == Slot::kNamed && channel == std::string_view(slot.name, ::strnlen(slot.name, kNameBytes)))
      return &slot;
  }
  return nullptr;
}

bool Block::is_current(const std::string& path) const {
  struct stat ours {
  }, named{};
  return !guard_->damaged() && ::fstat(file_.get(), &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev &&
         static_cast<std::size_t>(ours.st_size) == kFileBytes;
}

}  // namespace waxwing::mta::counters
