#include "common/base/journal_order.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/durable_batch.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
constexpr std::uint32_t kMostAgeMs = 1U << 31;
}  // namespace

Result<> sync_directory(const std::string& path) {
  TRY(const auto fd, open_file(path, O_RDONLY | O_DIRECTORY));
  TRY_VOID(failpoint("durable.syncdir"));
  if (::fsync(fd.get()) != 0) return std::unexpected(system_error("cannot sync directory " + path, errno));
  return {};
}

Result<bool> is_same_file(const std::string& a, const std::string& b) {
  struct stat status[2];
  if (a == b) return false;
  for (int n = 0; n < 2; ++n) {
    const auto& path = n == 0 ? a : b;
    if (::lstat(path.c_str(), &status[n]) == 0) continue;
    if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG || errno == ELOOP) return false;
    return std::unexpected(system_error("cannot stat " + path, errno));
  }
  return status[0].st_dev == status[1].st_dev && status[0].st_ino == status[1].st_ino;
}

Result<> rename_at_once(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return std::unexpected(system_error("cannot rename " + from + " to " + to, errno));
}

void Journal::note_time() {
  control_->noted_ms = static_cast<std::uint32_t>(wall_ms());
}

// Files are born before the log is looked at and their bytes are appended. So who was born after the end was noted from
// which the log will count has its bytes behind it, unless it was too large for the log.
bool Journal::may_lack(const std::string& path) const {
  struct statx status {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BTIME | STATX_SIZE, &status) != 0)
    return errno != ENOENT;  // removed since: nothing can be lost
  if ((status.stx_mask & STATX_BTIME) == 0 || status.stx_size > kCountedOn) return true;
  const std::int64_t born = status.stx_btime.tv_sec * 1000 + status.stx_btime.tv_nsec / 1'000'000;
  const auto now = wall_ms();
  const auto age = static_cast<std::uint32_t>(now) - control_->noted_ms;
  // More is weeks without a checkpoint, or a clock that was put back.
  return age > kMostAgeMs || born <= now - age || born > now;
}

Result<Lack> lack_of(const Journal& journal, const std::string& path) {
  struct stat status {};
  if (journal.keeps_names_in_order() || !journal.may_lack(path)) return Lack::nothing;
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return Lack::nothing;
    return std::unexpected(system_error("cannot stat " + path, errno));
  }
  return static_cast<std::uint64_t>(status.st_size) > kLargeContent ? Lack::directory : Lack::bytes;
}

Result<> sync_links(const Journal& journal, Batch& batch) {
  if (journal.keeps_names_in_order()) return {};
  std::vector<std::string> directories;
  for (const auto& move : BatchParts(batch).moves) {
    if (move.kind == BatchParts::Move::Kind::rename) continue;
    TRY(const auto lack, lack_of(journal, move.to));
    if (lack == Lack::directory) directories.push_back(parent_directory(move.to));
  }
  for (auto& directory : directories) batch.directory(std::move(directory));
  return {};
}

Result<bool> Journal::rename_what_log_has(const std::string& from, const std::string& to) {
  const RobustLock no_checkpoint(control_->checkpoint, std::try_to_lock);
  if (!no_checkpoint.held() || may_lack(from)) return false;
  TRY_VOID(rename_at_once(from, to));
  return true;
}

Result<> rename_safely(Journal* journal, const std::string& from, const std::string& to) {
  if (journal == nullptr || journal->keeps_names_in_order()) return rename_at_once(from, to);
  TRY(const bool renamed, journal->rename_what_log_has(from, to));
  if (renamed) return {};
  TRY(const auto file, open_file(from, O_RDONLY | O_NOFOLLOW));
  // Both names are there for a while: nobody else is to make one of them, end_rename().
  if (::flock(file.get(), LOCK_EX) != 0) return std::unexpected(system_error("cannot lock " + from, errno));
  if (::link(from.c_str(), to.c_str()) != 0) {
    const int error = errno;
    TRY(const bool linked, is_same_file(from, to));
    // A directory, in the place of another file, or one link too many: there is no way to have both names.
    if (!linked && (error == EPERM || error == EEXIST || error == EMLINK || error == EISDIR))
      return rename_at_once(from, to);
    if (!linked) return std::unexpected(system_error("cannot link " + from + " to " + to, error));
  }
  if (auto synced = sync_directory(parent_directory(to)); !synced) {
    ::unlink(to.c_str());
    return synced;
  }
  if (::unlink(from.c_str()) == 0 || errno == ENOENT) return {};
  return std::unexpected(system_error("cannot remove " + from, errno));
}

Result<TwoNames> end_rename(const std::string& other, const std::string& stays) {
  TRY(const bool two, is_same_file(other, stays));
  if (!two) return TwoNames::are_not;
  TRY(const auto file, open_file(stays, O_RDONLY | O_NOFOLLOW));
  if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) return TwoNames::go_on;
  TRY(const bool still, is_same_file(other, stays));
  if (!still) return TwoNames::are_not;
  TRY_VOID(sync_directory(parent_directory(stays)));
  TRY_VOID(remove(other));
  return TwoNames::ended;
}

}  // namespace waxwing::durable
