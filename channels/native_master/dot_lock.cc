#include "channels/native_master/dot_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <optional>

#include "channels/native_master/as_owner.h"
#include "common/base/durable.h"
#include "common/base/journal_control.h"
#include "common/base/process_stat.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::channels {

namespace {

constexpr std::int64_t kStaleLockSeconds = 15 * 60;
constexpr std::int64_t kPauseMs = 50;
constexpr std::size_t kMostNoteBytes = 512;

void pause() {
  const timespec time{0, kPauseMs * 1'000'000};
  ::nanosleep(&time, nullptr);
}

// Clock ticks since the start of the system; 0: the process has died; none: this is not to be seen.
std::optional<std::uint64_t> start_of(pid_t pid) {
  const auto process = process_stat(pid);
  if (!process) return std::nullopt;
  return process->has_ended() ? 0 : process->start_ticks;
}

// Where a process id means the same.
std::string this_host() {
  std::array<char, 256> name{};
  struct stat names {};
  if (::gethostname(name.data(), name.size() - 1) != 0 || ::stat("/proc/self/ns/pid", &names) != 0)
    return "-";
  return fmt::format("{}/{}", name.data(), names.st_ino);
}

struct Note {
  pid_t pid = 0;
  std::string host, boot;
  std::uint64_t start = 0;
  std::optional<std::uint64_t> bytes, inode;  // none: nothing was written yet

  static Note mine() {
    return {::getpid(), this_host(), durable::boot_id(), start_of(::getpid()).value_or(0), {}, {}};
  }
  std::string text() const {
    return fmt::format("{}\nwaxwing {} {} {}", pid, host, boot.empty() ? "-" : boot, start);
  }
  bool from_here() const { return host != "-" && host == this_host(); }
  bool is_dead() const {
    if (boot != durable::boot_id() && boot != "-") return true;
    if (::kill(pid, 0) != 0 && errno == ESRCH) return true;
    return start != 0 && start_of(pid).value_or(start) != start;
  }
};

std::optional<Note> read_note(int fd) {
  std::string text(kMostNoteBytes, '\0');
  const auto got = ::pread(fd, text.data(), text.size(), 0);
  if (got <= 0 || static_cast<std::size_t>(got) == kMostNoteBytes) return std::nullopt;
  text.resize(static_cast<std::size_t>(got));
  const bool whole = text.ends_with('\n');
  std::replace(text.begin(), text.end(), '\n', ' ');
  const auto words = split_words(text);
  if (words.size() < 5 || words[1] != "waxwing") return std::nullopt;
  const auto pid = to_number<pid_t>(words[0]);
  const auto start = to_number<std::uint64_t>(words[4]);
  if (!pid || *pid <= 0 || !start) return std::nullopt;
  Note note{*pid, std::string(words[2]), std::string(words[3]), *start, {}, {}};
  if (!whole || words.size() != 7) return note;
  note.bytes = to_number<std::uint64_t>(words[5]);
  note.inode = to_number<std::uint64_t>(words[6]);
  return note;
}

bool holds_a_time(std::string_view line) {
  for (std::size_t n = 0; n + 5 < line.size(); ++n)
    if (std::isdigit(static_cast<unsigned char>(line[n])) && line[n + 2] == ':' && line[n + 5] == ':')
      return true;
  return false;
}

// Does another message begin behind the first byte? In ours no line begins with "From " but the first; one that
// another program put right behind a half line of ours is known by its date.
constexpr std::size_t kLineBytes = 160;
bool another_begins(std::string_view text) {
  for (auto at = text.find("From ", 1); at != std::string_view::npos; at = text.find("From ", at + 1)) {
    const auto line = text.substr(at, kLineBytes);
    if (text[at - 1] == '\n' || (text[at - 1] != '>' && holds_a_time(line.substr(0, line.find('\n')))))
      return true;
  }
  return false;
}

// Is what stands there the beginning of one message, as we write it?
Result<bool> is_one_of_ours(int fd, std::uint64_t at, std::uint64_t end) {
  constexpr std::size_t kPieceBytes = 64 * 1024;
  std::string text;
  for (bool first = true; at < end; first = false) {
    const auto kept = text.size(), count = std::min<std::size_t>(kPieceBytes, end - at);
    text.resize(kept + count);
    TRY_VOID(read_at(fd, at, text.data() + kept, count));
    at += count;
    if (first) {
      if (text.starts_with('\n')) text.erase(0, 1);
      if (!std::string_view("From ").starts_with(std::string_view(text).substr(0, 5))) return false;
    }
    if (another_begins(text)) return false;
    if (text.size() > kLineBytes) text.erase(0, text.size() - kLineBytes);
  }
  return true;
}

Result<> sync(int fd) {
  durable::Batch batch;
  batch.file(fd);
  return durable::commit(std::move(batch));
}

}  // namespace

// What was found of a lock: whose it was, and that nobody else is about to break it.
struct DotLock::Dead {
  enum class Is { alive, dead, gone } is = Is::alive;
  UniqueFd held;
  std::optional<Note> note;
};

DotLock::DotLock(const std::string& path, const Owner& owner)
    : mailbox_(path), path_(path + ".lock"), owner_(owner) {}

DotLock::~DotLock() {
  const AsOwner as_owner(owner_);
  if (fd_) ::unlink(path_.c_str());
}

Result<> DotLock::take(std::int64_t until_ms) {
  for (;;) {
    TRY(const bool taken, made());
    if (taken) return {};
    TRY(const bool gone, broken(until_ms));
    if (gone) continue;
    if (monotonic_ms() > until_ms) return temporary("the mailbox is locked: " + path_);
    pause();
  }
}

Result<bool> DotLock::made() {
  const AsOwner as_owner(owner_);
  fd_.reset(::open(path_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!fd_ && errno == EEXIST) return false;
  if (!fd_) return std::unexpected(system_error("cannot lock " + path_, errno));
  const auto note = Note::mine().text();
  note_bytes_ = static_cast<std::int64_t>(note.size());
  TRY_VOID(write_all(fd_.get(), note));
  return true;
}

Result<> DotLock::note_size(int mailbox_fd) const {
  struct stat status {};
  if (::fstat(mailbox_fd, &status) != 0) return std::unexpected(system_error(mailbox_, errno));
  return write_all(fd_.get(), fmt::format(" {} {}\n", status.st_size, status.st_ino));
}

Result<> DotLock::strike_size() const {
  if (::ftruncate(fd_.get(), note_bytes_) != 0)
    return std::unexpected(system_error("cannot write to " + path_, errno));
  return sync(fd_.get());
}

Result<DotLock::Dead> DotLock::look() const {
  const AsOwner as_owner(owner_);
  using Is = Dead::Is;
  Dead found;
  auto& [is, fd, note] = found;
  fd.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {
  }, named{};
  if (::lstat(path_.c_str(), &named) != 0) return Dead{errno == ENOENT ? Is::gone : Is::alive, {}, {}};
  const bool stale = wall_seconds() - named.st_mtime > kStaleLockSeconds;
  // Whoever may plant a file here must not choose what is cut off.
  const auto me = owner_.lends_rights && ::geteuid() == 0 ? owner_.uid : ::geteuid();
  if (fd && ::fstat(fd.get(), &status) == 0 && S_ISREG(status.st_mode) && status.st_nlink == 1 &&
      status.st_uid == me)
    note = read_note(fd.get());
  if (note && note->from_here() ? !note->is_dead() : !stale) return found;
  // One at a time, and only if this is the one that was looked at.
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return found;
  is = fd && (::lstat(path_.c_str(), &named) != 0 || named.st_ino != status.st_ino) ? Is::gone : Is::dead;
  return found;
}

Result<bool> DotLock::broken(std::int64_t until_ms) const {
  TRY(const auto dead, look());
  if (dead.is != Dead::Is::dead) return dead.is == Dead::Is::gone;
  const auto& note = dead.note;
  if (note && note->bytes && note->inode) {
    TRY(const auto cut, take_back(*note->bytes, *note->inode, until_ms));
    // Before the lock goes: nobody would know of that half again.
    if (cut) TRY_VOID(sync(cut.get()));
  }
  const AsOwner as_owner(owner_);
  ::unlink(path_.c_str());
  return true;
}

Result<UniqueFd> DotLock::take_back(std::uint64_t bytes, std::uint64_t inode, std::int64_t until_ms) const {
  const AsOwner as_owner(owner_);
  UniqueFd fd(::open(mailbox_.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode) || status.st_nlink != 1 ||
      status.st_ino != inode)
    return UniqueFd();  // another file has taken its place
  TRY_VOID(lock_mailbox(fd.get(), mailbox_, until_ms));
  if (::fstat(fd.get(), &status) != 0) return std::unexpected(system_error(mailbox_, errno));
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size <= bytes) return UniqueFd();
  TRY(const bool ours, is_one_of_ours(fd.get(), bytes, size));
  if (!ours) return UniqueFd();
  if (::ftruncate(fd.get(), static_cast<off_t>(bytes)) != 0)
    return std::unexpected(system_error("cannot take back a part of a message in " + mailbox_, errno));
  return fd;
}

Result<> lock_mailbox(int fd, const std::string& path, std::int64_t until_ms) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  while (::fcntl(fd, F_OFD_SETLK, &whole) != 0) {
    if (errno != EAGAIN && errno != EACCES)
      return std::unexpected(system_error("cannot lock " + path, errno));
    if (monotonic_ms() > until_ms) return temporary("the mailbox is locked by another program: " + path);
    pause();
  }
  return {};
}

}  // namespace waxwing::channels
