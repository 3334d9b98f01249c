#include "common/log/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "common/base/file.h"
#include "common/base/process_id.h"
#include "common/base/strings.h"
#include "common/base/time.h"

namespace waxwing::log {

namespace {
constexpr std::array<std::string_view, 6> kLevels = {"debug",   "information", "notice",
                                                     "warning", "error",       "critical"};
constexpr std::size_t kUsualBytes = 320;  // of the fields of an event, and in front of them
constexpr std::array<int, 6> kPriorities = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING, LOG_ERR, LOG_CRIT};

struct Facility {
  std::string_view name;
  int value;
};
constexpr Facility kFacilities[] = {{"mail", LOG_MAIL},     {"user", LOG_USER},     {"daemon", LOG_DAEMON},
                                    {"local0", LOG_LOCAL0}, {"local1", LOG_LOCAL1}, {"local2", LOG_LOCAL2},
                                    {"local3", LOG_LOCAL3}, {"local4", LOG_LOCAL4}, {"local5", LOG_LOCAL5},
                                    {"local6", LOG_LOCAL6}, {"local7", LOG_LOCAL7}};

// When the file's first event was written: "2026-11-22T04:10:00.123Z ...". Now, when it has none.
std::int64_t first_event_seconds(const std::string& path) {
  char text[20] = {};  // to the seconds
  const auto file = open_file(path, O_RDONLY);
  std::tm when{};
  if (file && ::read(file->get(), text, sizeof text - 1) == sizeof text - 1 &&
      ::strptime(text, "%Y-%m-%dT%H:%M:%S", &when) != nullptr)
    return ::timegm(&when);
  return wall_seconds();
}

// The sink of this process. Several processes append to one file; whoever finds it too large or too old
// rolls it over, and the others notice that the name leads elsewhere.
class Sink {
 public:
  void open(const Options& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    to_stderr_ = options.to_stderr || options.directory.empty();
    level_ = options.level;
    facility_ = 0;
    for (const auto& facility : kFacilities)
      if (facility.name == options.syslog_facility) facility_ = facility.value;
    if (facility_ != 0) ::openlog(options_.program.c_str(), LOG_PID, facility_);
    if (!options_.directory.empty()) open_file_locked();
  }

  bool enabled(Level level) const { return level >= level_.load(std::memory_order_relaxed); }

  void write(Level level, std::string_view name, std::string_view fields) {
    const auto now = wall_ms();
    std::string line;
    line.reserve(kUsualBytes + fields.size());
    line += iso_timestamp(now);
    line += ' ';
    line += options_.program.empty() ? std::string_view("waxwing") : options_.program;
    line += '[';
    line += std::to_string(process_id());
    line += "] ";
    const auto prefix = line.size();
    line += kLevels[static_cast<std::size_t>(level)];
    line += ' ';
    line += name;
    line += fields;
    line += '\n';
    if (facility_ != 0) ::syslog(kPriorities[static_cast<std::size_t>(level)], "%s", line.c_str() + prefix);
    if (to_stderr_) put(STDERR_FILENO, line);
    if (options_.directory.empty()) return;
    const std::lock_guard lock(mutex_);
    roll_over_locked(now, line.size());
    if (fd_) put(fd_.get(), line);
  }

 private:
  static void put(int fd, const std::string& line) {
    // A full disk must not stop the mail: the line is lost, standard error says so once.
    if (::write(fd, line.data(), line.size()) < 0 && fd != STDERR_FILENO) {
      static std::atomic<bool> said{false};
      if (!said.exchange(true)) std::perror("waxwing: cannot write to the log");
    }
  }

  std::string path() const { return options_.directory + "/" + options_.program + ".log"; }

  void open_file_locked() {
    auto file = open_file(path(), O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (!file) {
      std::fprintf(stderr, "waxwing: %s\n", file.error().text.c_str());
      to_stderr_ = true;
      return;
    }
    fd_ = std::move(*file);
    struct stat info {};
    ::fstat(fd_.get(), &info);
    inode_ = info.st_ino;
    bytes_ = static_cast<std::uint64_t>(info.st_size);
    begun_s_ = first_event_seconds(path());
    looked_ms_ = wall_ms();
  }

  void roll_over_locked(std::int64_t now_ms, std::size_t adding) {
    bytes_ += adding;
    const bool too_old = now_ms / 1000 - begun_s_ > options_.max_file_seconds;
    const bool look = now_ms - looked_ms_ > 1000;
    if (bytes_ <= options_.max_file_bytes && !too_old && !look) return;
    looked_ms_ = now_ms;
    struct stat info {};
    const bool ours = ::stat(path().c_str(), &info) == 0 && info.st_ino == inode_;
    if (ours) bytes_ = static_cast<std::uint64_t>(info.st_size) + adding;
    if (ours && bytes_ <= options_.max_file_bytes && !too_old) return;
    if (ours) shift_files();
    open_file_locked();
  }

  void shift_files() {
    for (int i = options_.keep_files - 1; i >= 0; --i) {
      const std::string from = i == 0 ? path() : path() + "." + std::to_string(i);
      const std::string to = path() + "." + std::to_string(i + 1);
      if (i + 1 > options_.keep_files)
        ::unlink(from.c_str());
      else
        ::rename(from.c_str(), to.c_str());
    }
  }

  std::mutex mutex_;
  Options options_;
  std::atomic<Level> level_{Level::information};
  bool to_stderr_ = true;
  int facility_ = 0;
  UniqueFd fd_;
  ino_t inode_ = 0;
  std::uint64_t bytes_ = 0;
  std::int64_t begun_s_ = 0;  // of the file, not of this process: many live shorter than a file
  std::int64_t looked_ms_ = 0;
};

Sink& sink() {
  static auto* one = new Sink;  // events may come during exit
  return *one;
}

// Bytes that a value without quotes may hold.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = ' ' + 1; c < 127; ++c) plain[static_cast<std::size_t>(c)] = c != '"' && c != '\\' && c != '=';
  return plain;
}();

bool needs_quotes(std::string_view value) {
  for (const char c : value)
    if (!kPlain[static_cast<unsigned char>(c)]) return true;
  return value.empty();
}

void append_quoted(std::string& out, std::string_view value) {
  const bool utf8 = is_utf8(value);
  out += '"';
  for (std::size_t at = 0; at < value.size(); ++at) {
    const auto begin = at;
    while (at < value.size() &&
           (kPlain[static_cast<unsigned char>(value[at])] || value[at] == ' ' || value[at] == '='))
      ++at;
    out += value.substr(begin, at - begin);
    if (at == value.size()) break;
    const char c = value[at];
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if ((c >= ' ' && c < 127) || (utf8 && static_cast<unsigned char>(c) >= 128)) {
      out += c;
    } else {
      out += "\\x" + to_hex(std::string_view(&c, 1));
    }
  }
  out += '"';
}
}  // namespace

void open(const Options& options) {
  sink().open(options);
}
bool enabled(Level level) {
  return sink().enabled(level);
}

Level parse_level(std::string_view name) {
  for (std::size_t i = 0; i < kLevels.size(); ++i)
    if (iequals(name, kLevels[i])) return static_cast<Level>(i);
  if (iequals(name, "info")) return Level::information;
  return Level::information;
}

Event& Event::with(std::string_view field, std::string_view value) {
  if (fields_.empty()) fields_.reserve(kUsualBytes);
  fields_ += ' ';
  fields_ += field;
  fields_ += '=';
  constexpr std::size_t kMost = 2000;
  const auto shown = value.substr(0, kMost);
  if (needs_quotes(shown))
    append_quoted(fields_, shown);
  else
    fields_ += shown;
  return *this;
}

Event& Event::with(std::string_view field, std::int64_t value) {
  return with(field, std::to_string(value));
}

void Event::emit(Level level) {
  if (sink().enabled(level)) sink().write(level, name_, fields_);
}

}  // namespace waxwing::log
