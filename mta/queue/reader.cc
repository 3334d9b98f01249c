#include "mta/queue/reader.h"

#include <fcntl.h>

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
  const auto path = queue.path_of(name);
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return permanent(std::string(kGone) + ": " + path);
  if (fd < 0 && (errno == ELOOP || errno == EISDIR)) return permanent(path + ": not a regular file");
  if (fd < 0) {
    auto error = system_error("cannot open " + path, errno);
    error.fault = Fault::temporary;  // rights or a failing disk, not the file's content
    return std::unexpected(std::move(error));
  }
  TRY(auto file, spool::MessageFile::from_fd(UniqueFd(fd), path));
  Reader reader(std::move(file), name);
  auto envelope = from_records(reader.file_.records());
  if (!envelope) return wrap(envelope.error(), path);
  reader.envelope_ = std::move(*envelope);
  reader.envelope_.channel = name.channel;  // the directory says whose it is
  if (reader.envelope_.queue_id.empty()) reader.envelope_.queue_id = name.id;
  if (reader.file_.slot_count() != reader.envelope_.recipients.size())
    return permanent(path + ": as many slots as recipients are needed");
  TRY_VOID(reader.read_marks());
  return reader;
}

Result<> Reader::read_marks() {
  TRY(const auto slots, file_.read_slots());
  const std::size_t width = file_.slot_bytes();
  for (std::size_t i = 0; i < envelope_.recipients.size(); ++i)
    envelope_.recipients[i].progress = decode_progress(std::string_view(slots).substr(i * width, width));
  return {};
}

Result<std::string> Reader::read_message(std::uint64_t offset, std::size_t max_bytes) const {
  return file_.read_message(offset, max_bytes);
}

Result<std::string> Reader::read_header(std::size_t max_bytes) const {
  constexpr std::size_t kPiece = 8192;
  std::string header;
  while (header.size() < max_bytes) {
    TRY(const auto piece, file_.read_message(header.size(), std::min(kPiece, max_bytes - header.size())));
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

Result<bool> Reader::lock_host(const std::string& host) {
  std::size_t first = 0;
  while (first < envelope_.recipients.size() && envelope_.recipients[first].host != host) ++first;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  // The first slot of the host stands for all of them. A lock of the open file, not of the process: it ends
  // with this descriptor and holds between two coroutines of one program too.
  lock.l_start = static_cast<off_t>(file_.message_size() + first);
  lock.l_len = 1;
  if (::fcntl(file_.fd(), F_OFD_SETLK, &lock) != 0) {
    if (errno == EAGAIN || errno == EACCES) return false;
    return std::unexpected(system_error("cannot lock " + file_.path(), errno));
  }
  TRY_VOID(read_marks());
  return true;
}

Result<> Reader::lock_pending_hosts() {
  std::set<std::string> hosts;
  for (const auto& recipient : envelope_.recipients)
    if (recipient.progress.status == Status::pending) hosts.insert(recipient.host);
  for (const auto& host : hosts) {
    TRY(const bool mine, lock_host(host));
    if (!mine) return temporary("the message is being delivered just now: " + name_.relative());
  }
  return {};
}

Result<> Reader::mark(std::size_t recipient, const Progress& progress) {
  TRY_VOID(failpoint("queue.mark"));
  TRY_VOID(
      file_.write_slot(static_cast<std::uint32_t>(recipient), encode_progress(progress, file_.slot_bytes())));
  envelope_.recipients[recipient].progress = progress;
  unsynced_.insert(recipient);
  return {};
}

// Only this process writes the slots of the hosts it has locked, so their bytes of now are those of the
// commit.
durable::Batch Reader::sync_marks() {
  constexpr std::size_t kMostRangeBytes = 60 * 1024;
  durable::Batch batch;
  const std::size_t width = file_.slot_bytes();
  std::string run;  // neighbouring slots go as one range
  std::size_t first = 0;
  const auto end_run = [&] {
    if (!run.empty())
      batch.range(file_.slot_range(static_cast<std::uint32_t>(first), std::exchange(run, {})));
  };
  for (const auto i : std::exchange(unsynced_, {})) {
    if (i != first + run.size() / width || run.size() >= kMostRangeBytes) end_run();
    if (run.empty()) first = i;
    auto slot = encode_progress(envelope_.recipients[i].progress, width);
    slot.resize(width);
    run += slot;
  }
  end_run();
  return batch;
}

Result<bool> Reader::all_done() {
  TRY_VOID(read_marks());
  for (const auto& recipient : envelope_.recipients)
    if (recipient.progress.status == Status::pending) return false;
  return true;
}

}  // namespace waxwing::mta::queue
