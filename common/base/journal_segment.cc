#include "common/base/journal_segment.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/failpoint.h"
#include "common/base/is_there.h"

namespace waxwing::durable {

namespace {
constexpr char kMagic[9] = "WAXWJSEG";

struct Wire {
  char magic[8];
  std::uint32_t version, header_bytes;
  std::uint64_t segment_bytes, number, chain, left_before, key, hash;
};
static_assert(sizeof(Wire) == kSegmentHeaderBytes);
}  // namespace

std::string encode_segment_header(const SegmentHeader& header) {
  Wire wire{{},         1, sizeof wire, header.segment_bytes, header.number, header.chain, header.left_before,
            header.key, 0};
  std::memcpy(wire.magic, kMagic, sizeof wire.magic);
  wire.hash = XXH3_64bits(&wire, offsetof(Wire, hash));
  return {reinterpret_cast<const char*>(&wire), sizeof wire};
}

std::optional<SegmentHeader> decode_segment_header(std::string_view bytes) {
  Wire wire;
  if (bytes.size() < sizeof wire) return {};
  std::memcpy(&wire, bytes.data(), sizeof wire);
  if (std::memcmp(wire.magic, kMagic, sizeof wire.magic) != 0 || wire.version != 1) return {};
  if (wire.hash != XXH3_64bits(&wire, offsetof(Wire, hash))) return {};
  return SegmentHeader{wire.segment_bytes, wire.number, wire.chain, wire.left_before, wire.key};
}

SegmentFiles::SegmentFiles(std::string directory, std::uint64_t segment_bytes)
    : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

std::string SegmentFiles::path_of(unsigned slot) const {
  char name[24];
  std::snprintf(name, sizeof name, "/segment.%02u", slot);
  return directory_ + name;
}

Result<> SegmentFiles::create(unsigned slot) {
  TRY_VOID(failpoint("journal.grow"));
  // Under another name until it is whole: a file that has its name has its size.
  const auto temporary_path = path_of(slot) + ".new";
  auto file = lay_out(temporary_path);
  if (file && ::rename(temporary_path.c_str(), path_of(slot).c_str()) != 0)
    file = std::unexpected(system_error("cannot rename " + temporary_path, errno));
  if (!file) {
    ::unlink(temporary_path.c_str());  // on a full disk it would hold what room there is
    return std::unexpected(file.error());
  }
  TRY_VOID(sync_names(directory_));
  const std::lock_guard lock(mutex_);
  files_.at(slot) = std::move(*file);
  return {};
}

Result<UniqueFd> SegmentFiles::lay_out(const std::string& temporary_path) {
  ::unlink(temporary_path.c_str());  // of one who died
  TRY(auto file, open_file(temporary_path, O_RDWR | O_CREAT | O_EXCL));
  TRY_VOID(give_to_owner_of(directory_, file.get()));
  const std::string zeros(1 << 20, '\0');
  for (std::uint64_t at = 0; at < segment_bytes_; at += zeros.size())
    TRY_VOID(write_at(file.get(), at, std::string_view(zeros).substr(0, segment_bytes_ - at)));
  if (::fsync(file.get()) != 0) return std::unexpected(system_error("cannot sync " + temporary_path, errno));
  return file;
}

Result<unsigned> SegmentFiles::count() const {
  for (unsigned slot = kMostSegments; slot > 0; --slot) {
    TRY(const bool there, is_there(slot - 1));
    if (there) return slot;
  }
  return 0U;
}

Result<bool> SegmentFiles::is_there(unsigned slot) const {
  return waxwing::is_there(path_of(slot));
}

Result<bool> SegmentFiles::is_whole(unsigned slot) {
  std::string header(kSegmentHeaderBytes, '\0'), last(1, '\0');
  TRY(const bool begins, read(slot, 0, header));
  TRY(const bool ends, read(slot, segment_bytes_ - 1, last));
  if (!begins || !ends) return false;
  return header.find_first_not_of('\0') == std::string::npos || decode_segment_header(header);
}

Result<bool> SegmentFiles::read(unsigned slot, std::uint64_t offset, std::string& bytes) {
  TRY(const bool there, is_there(slot));
  if (!there) return false;
  TRY(const int file, fd(slot));
  struct stat status {};
  if (::fstat(file, &status) != 0)
    return std::unexpected(system_error("cannot stat " + path_of(slot), errno));
  if (offset + bytes.size() > static_cast<std::uint64_t>(status.st_size)) return false;
  TRY_VOID(read_at(file, offset, bytes.data(), bytes.size()));
  return true;
}

Result<int> SegmentFiles::fd(unsigned slot) {
  const std::lock_guard lock(mutex_);
  auto& file = files_.at(slot);
  if (!file) {
    TRY(file, open_file(path_of(slot), O_RDWR | O_NOFOLLOW));
  }
  return file.get();
}

Result<> SegmentFiles::write_header(unsigned slot, const SegmentHeader& header) {
  TRY_VOID(failpoint("journal.recycle"));
  TRY(const int file, fd(slot));
  return write_at(file, 0, encode_segment_header(header));
}

Result<std::optional<SegmentHeader>> SegmentFiles::read_header(unsigned slot) {
  std::string bytes(kSegmentHeaderBytes, '\0');
  TRY(const bool there, read(slot, 0, bytes));
  const auto header = decode_segment_header(bytes);
  if (!there || !header || header->segment_bytes != segment_bytes_) return std::nullopt;
  return header;
}

Result<> give_to_owner_of(const std::string& directory, int fd) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(directory.c_str(), &status) != 0) return {};
  if (status.st_uid == 0 && status.st_gid == 0) return {};
  if (::fchown(fd, status.st_uid, status.st_gid) != 0)
    return std::unexpected(system_error("cannot give a file in " + directory + " to its owner", errno));
  return {};
}

Result<> sync_names(const std::string& directory) {
  TRY(const auto fd, open_file(directory, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0)
    return std::unexpected(system_error("cannot sync directory " + directory, errno));
  return {};
}

}  // namespace waxwing::durable
