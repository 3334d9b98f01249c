#include "common/base/journal_start.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_record.h"
#include "common/base/journal_segment.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
constexpr char kMagic[9] = "WAXWJCHK";
constexpr std::size_t kSlotBytes = 4096;
constexpr std::string_view kRootsTitle = "waxwing journal roots 2\n";
constexpr std::string_view kRootsTitle1 = "waxwing journal roots 1\n";
constexpr std::string_view kNoMark = "-";

struct Wire {
  char magic[8];
  std::uint32_t version, zero;
  std::uint64_t serial, segment_bytes, lsn, chain, hash;
  std::uint64_t key, key_hash;  // earlier programs left zeros
};

std::optional<Checkpoint> decode_slot(std::string_view bytes) {
  Wire wire;
  if (bytes.size() < sizeof wire) return {};
  std::memcpy(&wire, bytes.data(), sizeof wire);
  if (std::memcmp(wire.magic, kMagic, sizeof wire.magic) != 0 || wire.version != 1) return {};
  if (wire.hash != XXH3_64bits(&wire, offsetof(Wire, hash))) return {};
  if (wire.segment_bytes < kLeastSegmentBytes || wire.segment_bytes > kMostSegmentBytes) return {};
  const bool has_key = wire.key_hash == XXH3_64bits(&wire, offsetof(Wire, key_hash));
  return Checkpoint{wire.serial, wire.segment_bytes, wire.lsn, wire.chain, has_key ? wire.key : 0};
}

std::string hash_line(std::string_view text) {
  const auto hash = XXH3_64bits(text.data(), text.size());
  return "end " + to_hex({reinterpret_cast<const char*>(&hash), sizeof hash}) + "\n";
}

KnownRoot read_root(std::string_view line, bool marked) {
  const auto blank = marked ? line.find(' ') : std::string_view::npos;
  if (marked && blank == std::string_view::npos) return {};
  const auto mark = marked ? line.substr(0, blank) : kNoMark;
  return {std::string(marked ? line.substr(blank + 1) : line), mark == kNoMark ? "" : std::string(mark)};
}

std::string roots_path(const std::string& directory) {
  return directory + "/roots";
}
}  // namespace

std::string checkpoint_path(const std::string& directory) {
  return directory + "/checkpoint";
}

Result<std::optional<Checkpoint>> load_checkpoint(const std::string& directory) {
  const auto path = checkpoint_path(directory);
  TRY(const bool there, is_there(path));
  if (!there) return std::nullopt;
  TRY(const auto bytes, read_file(path, 64 * kSlotBytes));
  std::optional<Checkpoint> best;
  for (std::size_t slot = 0; slot < 2 && slot * kSlotBytes < bytes.size(); ++slot) {
    const auto found = decode_slot(std::string_view(bytes).substr(slot * kSlotBytes, kSlotBytes));
    if (found && (!best || found->serial > best->serial)) best = found;
  }
  if (!best) return permanent(path + " is damaged: neither of its two slots is whole");
  return best;
}

Result<> store_checkpoint(const std::string& directory, const Checkpoint& checkpoint) {
  TRY_VOID(failpoint("journal.checkpoint.write"));
  const auto path = checkpoint_path(directory);
  const bool fresh = !file_exists(path);
  TRY(const auto file, open_file(path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (fresh) TRY_VOID(give_to_owner_of(directory, file.get()));
  Wire wire{{},
            1,
            0,
            checkpoint.serial,
            checkpoint.segment_bytes,
            checkpoint.lsn,
            checkpoint.chain,
            0,
            checkpoint.key,
            0};
  std::memcpy(wire.magic, kMagic, sizeof wire.magic);
  wire.hash = XXH3_64bits(&wire, offsetof(Wire, hash));
  wire.key_hash = XXH3_64bits(&wire, offsetof(Wire, key_hash));
  std::string slot(kSlotBytes, '\0');
  std::memcpy(slot.data(), &wire, sizeof wire);
  TRY_VOID(write_at(file.get(), checkpoint.serial % 2 * kSlotBytes, slot));
  if (::fdatasync(file.get()) != 0) return std::unexpected(system_error("cannot sync " + path, errno));
  // Room for the other slot, too, where the file system gives it: the next one may come on a full disk.
  if (fresh) (void)::fallocate(file.get(), 0, 0, 2 * kSlotBytes);
  return fresh ? sync_names(directory) : Result<>{};
}

Result<std::vector<KnownRoot>> load_roots(const std::string& directory) {
  const auto path = roots_path(directory);
  std::vector<KnownRoot> roots;
  TRY(const bool there, is_there(path));
  if (!there) return roots;
  TRY(const auto text, read_file(path, 1 << 20));
  const auto damaged = [&] {
    return permanent(path + " is damaged; it names the queue directory and the partitions, see journal(5)");
  };
  const auto end = text.rfind("end ");
  const bool marked = text.starts_with(kRootsTitle);
  if ((!marked && !text.starts_with(kRootsTitle1)) || end == std::string::npos) return damaged();
  if (text.substr(end) != hash_line(std::string_view(text).substr(0, end))) return damaged();
  for (const auto line :
       split(std::string_view(text).substr(kRootsTitle.size(), end - kRootsTitle.size()), '\n'))
    if (auto root = read_root(line, marked); is_plain_path(root.name)) roots.push_back(std::move(root));
  return roots;
}

Result<> store_roots(const std::string& directory, const std::vector<KnownRoot>& roots) {
  // What is there needs no room on a full disk.
  if (const auto there = load_roots(directory); there && !there->empty() && *there == roots) return {};
  std::string text(kRootsTitle);
  for (const auto& [name, mark] : roots)
    text += (mark.empty() ? std::string(kNoMark) : mark) + " " + name + "\n";
  text += hash_line(text);
  const auto path = roots_path(directory), temporary_path = path + ".new";
  {
    ::unlink(temporary_path.c_str());  // of one who died
    TRY(const auto file, open_file(temporary_path, O_RDWR | O_CREAT | O_EXCL));
    TRY_VOID(give_to_owner_of(directory, file.get()));
    TRY_VOID(write_all(file.get(), text));
    if (::fsync(file.get()) != 0) return std::unexpected(system_error("cannot sync " + path, errno));
  }
  if (::rename(temporary_path.c_str(), path.c_str()) != 0)
    return std::unexpected(system_error("cannot rename " + temporary_path, errno));
  return sync_names(directory);
}

}  // namespace waxwing::durable
