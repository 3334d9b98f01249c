#include "mta/mail_log/rotate.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/file.h"
#include "mta/mail_log/format.h"

namespace waxwing::mta::mail_log {

namespace {

constexpr std::size_t kPieceBytes = 1 << 20;
constexpr std::int64_t kDayMs = 86'400'000, kMostNights = 366;

std::string first_line(const std::string& path) {
  char text[64] = {};
  const auto file = open_file(path, O_RDONLY);
  if (!file) return {};
  const auto got = ::read(file->get(), text, sizeof text);
  return got <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(got));
}

Result<> rename_file(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return {};
  return temporary(from + " cannot become " + to + ": " + std::strerror(errno));
}

std::uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

// The end of `to`; nothing of it stays when the disk is full half way.
Result<> append_file(const std::string& from, const std::string& to) {
  TRY(const auto source, open_file(from, O_RDONLY));
  TRY(const auto target, open_file(to, O_WRONLY | O_CREAT | O_APPEND, 0640));
  const auto before = static_cast<off_t>(size_of(to));
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    const auto got = ::read(source.get(), piece.data(), piece.size());
    if (got == 0) return {};
    auto written =
        got < 0 ? Result<>(temporary(from + " cannot be read: " + std::strerror(errno)))
                : write_all(target.get(), std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
    if (written) continue;
    (void)::ftruncate(target.get(), before);
    return written;
  }
}

// Was the day of the first record one of the last ones, as many as there are nights between two changes?
bool is_recent(std::string_view line, std::int64_t now_ms, std::int64_t nights) {
  const auto day = day_of_first_line(line);
  for (std::int64_t back = 0; back < std::clamp<std::int64_t>(nights, 1, kMostNights); ++back)
    if (day == local_day(now_ms - back * kDayMs)) return true;
  return false;
}

Result<bool> rotate_one(const std::string& base, When when, std::int64_t now_ms, std::uint64_t most_bytes,
                        std::int64_t nights) {
  const auto current = base + "_current", yesterday = base + "_yesterday";
  const auto line = first_line(current);
  if (line.empty()) return false;
  if (when == When::day_over && is_recent(line, now_ms, nights)) return false;
  if (const auto adding = size_of(yesterday); adding > 0) {
    if (most_bytes > 0 && size_of(base) > 0 && size_of(base) + adding > most_bytes)
      TRY_VOID(rename_file(base, base + "_old"));
    TRY_VOID(size_of(base) == 0 ? rename_file(yesterday, base) : append_file(yesterday, base));
  }
  TRY_VOID(rename_file(current, yesterday));
  return true;
}

}  // namespace

Result<int> rotate(const std::string& folder, When when, std::int64_t now_ms, std::uint64_t most_bytes,
                   std::int64_t nights) {
  TRY(const auto lock, open_file(folder + "/.mail.log_lock", O_RDWR | O_CREAT, 0640));
  if (::flock(lock.get(), LOCK_EX) != 0) return temporary(folder + "/.mail.log_lock cannot be locked");
  int changed = 0;
  for (const auto* name : {"/mail.log", "/connection.log"}) {
    TRY(const bool done, rotate_one(folder + name, when, now_ms, most_bytes, nights));
    changed += done ? 1 : 0;
  }
  return changed;
}

}  // namespace waxwing::mta::mail_log
