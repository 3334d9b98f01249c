#include "store/stored/list_witness.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "store/detail/errors.h"

namespace waxwing::store {

namespace {
constexpr char kMagic[9] = "WXLISTW\n";
constexpr std::uint32_t kVersion = 1;

struct Wire {
  char magic[8];
  std::uint32_t version, file;
  std::uint64_t bytes, hash, own_hash;
};
static_assert(sizeof(Wire) == 40);

std::string log_path(const std::string& directory, std::uint32_t file) {
  return fmt::format("{}/log.{:010}", directory, file);
}

std::uint64_t own_hash(const Wire& wire) {
  return XXH3_64bits(&wire, offsetof(Wire, own_hash));
}

// The hash of a growing file, which is read once.
class Hash {
 public:
  Hash() { XXH3_64bits_reset(state_.get()); }
  Result<> read(int fd, std::uint64_t until) {
    constexpr std::uint64_t kPiece = 256 << 10;
    std::string piece;
    while (read_ < until) {
      piece.resize(std::min(until - read_, kPiece));
      TRY_VOID(read_at(fd, read_, piece.data(), piece.size()));
      XXH3_64bits_update(state_.get(), piece.data(), piece.size());
      read_ += piece.size();
    }
    return {};
  }
  std::uint64_t value() const { return XXH3_64bits_digest(state_.get()); }
  std::uint64_t bytes() const { return read_; }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
  std::uint64_t read_ = 0;
};
}  // namespace

struct ListWitness::Inner {
  const std::string directory;
  std::mutex mutex;
  std::uint32_t file = 0;  // that hash is of
  UniqueFd log, own;
  Hash hash;

  std::string path() const { return directory + "/witness"; }
  Result<> note(std::uint32_t number, std::uint64_t bytes);
};

ListWitness::ListWitness(std::string directory)
    : inner_(new Inner{std::move(directory), {}, 0, {}, {}, {}}) {}
ListWitness::~ListWitness() = default;

namespace {
Result<Wire> read_witness(const std::string& path) {
  Wire wire{};
  TRY(const auto own, open_file(path, O_RDONLY));
  const auto read = read_at(own.get(), 0, &wire, sizeof wire);
  if (!read && read.error().fault == Fault::temporary) return std::unexpected(read.error());
  if (!read || std::memcmp(wire.magic, kMagic, 8) != 0 || wire.version != kVersion ||
      wire.own_hash != own_hash(wire))
    return permanent(path + " is damaged");
  return wire;
}
}  // namespace

Result<ListWitness::Place> ListWitness::check() const {
  TRY(const bool known, is_there(inner_->path()));
  if (!known) return Place{};
  TRY(const auto wire, read_witness(inner_->path()));
  const auto path = log_path(inner_->directory, wire.file);
  const auto lost = [&](const char* how) {
    return fail_for_now(Code::corrupt,
                        fmt::format("mailbox list: {} {}: {} bytes were committed", path, how, wire.bytes));
  };
  TRY(const bool there, is_there(path));
  if (!there) return lost("is gone");
  TRY(const auto log, open_file(path, O_RDONLY));
  struct stat status {};
  if (::fstat(log.get(), &status) != 0) return std::unexpected(system_error("cannot look at " + path, errno));
  if (static_cast<std::uint64_t>(status.st_size) < wire.bytes) return lost("is cut short");
  Hash hash;
  TRY_VOID(hash.read(log.get(), wire.bytes));
  if (hash.value() != wire.hash) return lost("has other bytes than were written");
  return Place{wire.file, wire.bytes};
}

void ListWitness::note(std::uint32_t file, std::uint64_t bytes) {
  const std::lock_guard lock(inner_->mutex);
  if (!inner_->note(file, bytes)) inner_->file = 0;  // from the beginning, the next time
}

Result<> ListWitness::Inner::note(std::uint32_t number, std::uint64_t bytes) {
  if (number < file || (number == file && bytes <= hash.bytes())) return {};
  if (number != file) {
    TRY(log, open_file(log_path(directory, number), O_RDONLY));
    hash = Hash();
    file = number;
  }
  TRY_VOID(hash.read(log.get(), bytes));
  Wire wire{{}, kVersion, file, bytes, hash.value(), 0};
  std::memcpy(wire.magic, kMagic, 8);
  wire.own_hash = own_hash(wire);
  if (!own) {
    TRY(own, open_file(path(), O_WRONLY | O_CREAT | O_NOFOLLOW));
  }
  return write_at(own.get(), 0, {reinterpret_cast<const char*>(&wire), sizeof wire});
}

}  // namespace waxwing::store
