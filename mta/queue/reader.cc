#include "mta/queue/reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "common/base/failpoint.h"

namespace waxwing::mta::queue {

namespace {
constexpr const char* kGone = "queue file is gone";
}

bool is_gone(const Error& error) {
  return error.text.starts_with(kGone);
}

Result<Reader> Reader::open(const Queue& queue, const FileName& name) {
  return open_at(queue.path_of(name), name);
}

Result<Reader> Reader::open_at(const std::string& path, const FileName& name) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return permanent(std::string(kGone) + ": " + path);
  if (fd < 0 && (errno == ELOOP || errno == EISDIR)) return permanent(path + ": not a regular file");
  if (fd < 0) {
    auto error = system_error("cannot open " + path, errno);
    error.fault = Fault::temporary;  // rights or a failing disk, not the file's content
    return std::unexpected(std::move(error));
  }
  TRY(auto file, spool::MessageFile::from_fd(UniqueFd(fd), path));
  auto envelope = from_records(file.records());
  if (!envelope) return wrap(envelope.error(), path);
  envelope->channel = name.channel;  // the directory says whose it is
  if (envelope->queue_id.empty()) envelope->queue_id = name.id;
  const auto recipients = envelope->recipients.size();
  if (file.slot_count() != recipients) return permanent(path + ": as many slots as recipients are needed");
  auto inner = std::make_shared<Inner>(Inner{.file = std::move(file),
                                             .name = name,
                                             .envelope = std::move(*envelope),
                                             .hosts = {},
                                             .locked = {},
                                             .done = std::vector<bool>(recipients),
                                             .left = recipients});
  TRY_VOID(inner->read_marks(0, recipients));
  return Reader(std::move(inner));
}

bool Reader::is_at_its_name() const {
  struct stat open {
  }, named{};
  return ::fstat(fd(), &open) == 0 && ::lstat(path().c_str(), &named) == 0 && open.st_dev == named.st_dev &&
         open.st_ino == named.st_ino;
}

// ---- marks --------------------------------------------------------------------------------------------------

void Reader::Inner::set_done(std::size_t recipient, bool is_done) {
  if (done[recipient] == is_done) return;
  done[recipient] = is_done;
  left += is_done ? -1 : 1;
  if (!is_done) first_left = std::min(first_left, recipient);
}

Result<> Reader::Inner::read_marks(std::size_t first, std::size_t count) {
  TRY(const auto slots,
      file.read_slots(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count)));
  const std::size_t width = file.slot_bytes();
  for (std::size_t i = 0; i < count; ++i) {
    auto progress = decode_progress(std::string_view(slots).substr(i * width, width));
    set_done(first + i, progress.status != Status::pending);
    envelope.recipients[first + i].progress = std::move(progress);
  }
  return {};
}

const std::vector<std::size_t>& Reader::recipients_of(const std::string& host) const {
  static const std::vector<std::size_t> kNone;
  const auto& recipients = inner_->envelope.recipients;
  if (inner_->hosts.empty())
    for (std::size_t i = 0; i < recipients.size(); ++i) inner_->hosts[recipients[i].host].push_back(i);
  const auto at = inner_->hosts.find(host);
  return at == inner_->hosts.end() ? kNone : at->second;
}

// Neighbours in one piece. Marks of other hosts are left as they are: somebody may be reading them.
Result<> Reader::read_marks_of(const std::string& host) {
  const auto& mine = recipients_of(host);
  for (std::size_t from = 0, to = 0; from < mine.size(); from = to) {
    while (to < mine.size() && mine[to] - mine[from] == to - from) ++to;
    TRY_VOID(inner_->read_marks(mine[from], to - from));
  }
  return {};
}

Result<bool> Reader::all_done() {
  constexpr std::size_t kAtOnce = 64;
  auto& inner = *inner_;
  const std::size_t width = inner.file.slot_bytes();
  while (inner.left > 0) {
    while (inner.done[inner.first_left]) ++inner.first_left;
    const auto first = inner.first_left;
    const auto count = std::min(kAtOnce, inner.done.size() - first);
    TRY(const auto slots,
        inner.file.read_slots(static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(count)));
    for (std::size_t i = 0; i < count; ++i) {
      const auto progress = decode_progress(std::string_view(slots).substr(i * width, width));
      if (progress.status != Status::pending) inner.set_done(first + i, true);
    }
    if (!inner.done[first]) return false;
  }
  return true;
}

// ---- the message --------------------------------------------------------------------------------------------

Result<std::string> Reader::read_message(std::uint64_t offset, std::size_t max_bytes) const {
  return file().read_message(offset, max_bytes);
}

Result<std::string> Reader::read_header(std::size_t max_bytes) const {
  constexpr std::size_t kPiece = 8192;
  std::string header;
  while (header.size() < max_bytes) {
    TRY(const auto piece, file().read_message(header.size(), std::min(kPiece, max_bytes - header.size())));
    if (piece.empty()) return header;
    const auto from = header.size() < 3 ? 0 : header.size() - 3;
    header += piece;
    if (header.starts_with("\r\n")) return std::string("\r\n");
    if (const auto end = header.find("\r\n\r\n", from); end != std::string::npos) {
      header.resize(end + 4);
      return header;
    }
  }
  return header;
}

// ---- locks --------------------------------------------------------------------------------------------------

namespace {
// The first slot of the host stands for all of them. A lock of the open file, not of the process: it ends with the
// descriptor, and holds between two that one program has opened too.
struct ::flock byte_lock(short type, std::uint64_t byte) {
  struct ::flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = static_cast<off_t>(byte);
  lock.l_len = 1;
  return lock;
}
}  // namespace

Reader::HostLock::~HostLock() {
  if (inner_ == nullptr) return;  // moved away
  inner_->locked.erase(host_);
  if (inner_.use_count() == 1) return;  // it goes with the file
  auto lock = byte_lock(F_UNLCK, byte_);
  (void)::fcntl(inner_->file.fd(), F_OFD_SETLK, &lock);
}

Result<bool> Reader::lock_host(const std::string& host) {
  if (inner_->locked.contains(host)) return false;
  const auto& mine = recipients_of(host);
  const auto byte = message_size() + (mine.empty() ? envelope().recipients.size() : mine.front());
  auto lock = byte_lock(F_WRLCK, byte);
  if (::fcntl(fd(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    return std::unexpected(system_error("cannot lock " + path(), errno));
  }
  inner_->locked.insert(host);
  locks_.emplace_back(inner_, host, byte);
  TRY_VOID(read_marks_of(host));
  return true;
}

Result<> Reader::lock_pending_hosts() {
  std::set<std::string> hosts;
  for (const auto& recipient : envelope().recipients)
    if (recipient.progress.status == Status::pending) hosts.insert(recipient.host);
  for (const auto& host : hosts) {
    TRY(const bool mine, lock_host(host));
    if (!mine) return temporary("the message is being delivered just now: " + name().relative());
  }
  return {};
}

Result<> Reader::mark(std::size_t recipient, const Progress& progress) {
  TRY_VOID(failpoint("queue.mark"));
  TRY_VOID(inner_->file.write_slot(static_cast<std::uint32_t>(recipient),
                                   encode_progress(progress, file().slot_bytes())));
  inner_->envelope.recipients[recipient].progress = progress;
  inner_->set_done(recipient, progress.status != Status::pending);
  unsynced_.insert(recipient);
  return {};
}

// Only this process writes the slots of the hosts it has locked, so their bytes of now are those of the
// commit.
durable::Batch Reader::sync_marks() {
  constexpr std::size_t kMostRangeBytes = 60 * 1024;
  durable::Batch batch;
  const std::size_t width = file().slot_bytes();
  std::string run;  // neighbouring slots go as one range
  std::size_t first = 0;
  const auto end_run = [&] {
    if (!run.empty())
      batch.range(file().slot_range(static_cast<std::uint32_t>(first), std::exchange(run, {})));
  };
  for (const auto i : std::exchange(unsynced_, {})) {
    if (i != first + run.size() / width || run.size() >= kMostRangeBytes) end_run();
    if (run.empty()) first = i;
    auto slot = encode_progress(envelope().recipients[i].progress, width);
    slot.resize(width);
    run += slot;
  }
  end_run();
  return batch;
}

}  // namespace waxwing::mta::queue
