#include "mta/mail_log/mail_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <system_error>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/loop.h"
#include "mta/mail_log/format.h"
#include "mta/mail_log/header_choice.h"

namespace waxwing::mta::mail_log {

namespace {

constexpr std::size_t kMostBufferedBytes = 256 * 1024;
constexpr std::int64_t kLookMs = 1000;

// One log file of the process.
class File {
 public:
  explicit File(const char* name) : name_(name) {}

  // Answers whether this began a buffer: somebody must see to it that it is written.
  bool add(const std::string& root, std::string_view line, int operator_priority) {
    const std::lock_guard lock(mutex_);
    if (root != root_) {
      root_ = root;
      path_ = root + "/log/" + name_;
    }
    operator_ = operator_priority;
    const bool first = buffer_.empty();
    buffer_ += line;
    if (buffer_.size() > kMostBufferedBytes) write_locked();
    return first && !buffer_.empty();
  }

  void flush() {
    const std::lock_guard lock(mutex_);
    write_locked();
  }

 private:
  void write_locked() {
    if (buffer_.empty()) return;
    look_locked();
    const auto written = file_ ? ::write(file_.get(), buffer_.data(), buffer_.size()) : 0;
    if (file_ && written == std::ssize(buffer_))
      said_ = false;  // the next loss is another
    else              // a part of it: there was no room for the rest
      failed_locked(!file_ ? open_errno_ : written < 0 ? errno : ENOSPC);
    buffer_.clear();
  }

  // The name leads elsewhere after a rotation.
  void look_locked() {
    const auto now = monotonic_ms();
    if (file_ && now - looked_ms_ < kLookMs) return;
    looked_ms_ = now;
    struct stat there {};
    if (file_ && ::stat(path_.c_str(), &there) == 0 && there.st_ino == inode_) return;
    auto opened = open_file(path_, O_WRONLY | O_CREAT | O_APPEND, 0640);
    if (!opened) {
      open_errno_ = errno;
      return file_.reset();
    }
    file_ = std::move(*opened);
    if (::fstat(file_.get(), &there) == 0) inode_ = there.st_ino;
  }

  void failed_locked(int why) {
    if (said_) return;
    said_ = true;
    log::Event("mail_log.lost")
        .with("file", path_)
        .with("errno", why)
        .with("why", std::generic_category().message(why))
        .error();
    if (operator_ >= 0) ::syslog(operator_, "%s cannot be written: records are lost", path_.c_str());
  }

  const char* name_;
  std::mutex mutex_;
  std::string root_, path_, buffer_;
  UniqueFd file_;
  ino_t inode_ = 0;
  std::int64_t looked_ms_ = 0;
  int open_errno_ = 0;
  bool said_ = false;
  int operator_ = -1;  // priority of what syslog is told; -1: nothing
};

// Built once for a configuration, kept as long as records come with it.
class Choices {
 public:
  std::shared_ptr<const HeaderChoice> of(const MtaConfig& config) {
    const std::lock_guard lock(mutex_);
    if (!choice_ || config.build_id() != build_) {
      std::vector<std::string> notes;
      choice_ = std::make_shared<HeaderChoice>(HeaderChoice::parse(config.text("log_header.opt"), &notes));
      build_ = config.build_id();
      for (const auto& note : notes) log::Event("mail_log.config.note").with("text", note).notice();
    }
    return choice_;
  }

 private:
  std::mutex mutex_;
  std::string build_;
  std::shared_ptr<const HeaderChoice> choice_;
};

struct Sink {
  File messages{"mail.log_current"};
  File connections{"connection.log_current"};
  Choices choices;
  std::atomic<std::uint64_t> count{0};
};

Sink& sink() {
  static auto* one = new Sink;  // records may come during exit
  return *one;
}

// "1a2b.3.17": process, thread and record, in hexadecimal.
std::string process_text(std::uint64_t count) {
  static std::atomic<unsigned> threads{0};
  thread_local const unsigned thread = ++threads;
  return fmt::format("{:x}.{:x}.{:x}", ::getpid(), thread, count);
}

// n is facility and priority as in <syslog.h>; negative: only there. Answers whether the file gets it too.
bool to_syslog(const MtaConfig& config, const Entry& entry, std::string_view line) {
  const auto option =
      entry.kind == Entry::Kind::connection ? Opt::LOG_CONNECTIONS_SYSLOG : Opt::LOG_MESSAGES_SYSLOG;
  const auto n = config.options().number(option);
  if (n == 0) return true;
  const std::string text(line.substr(0, line.find('\n')));
  ::syslog(static_cast<int>((n < 0 ? -n : n) & (LOG_FACMASK | LOG_PRIMASK)), "%s", text.c_str());
  return n > 0;
}

// SNDOPR_PRIORITY, a number of <syslog.h>.
int operator_priority(const MtaOptions& options) {
  const auto number = static_cast<int>(options.number(Opt::SNDOPR_PRIORITY) & (LOG_FACMASK | LOG_PRIMASK));
  return (number & LOG_FACMASK) == 0 ? LOG_MAIL | number : number;
}

}  // namespace

bool logs_fields(const MtaConfig& config, const Channel* channel) {
  return config.options().flag(Opt::LOG_HEADER) && channel != nullptr && channel->is(Kw::logheader);
}

bool wants_header(const MtaConfig& config, const Channel* channel) {
  const auto& options = config.options();
  return logs_fields(config, channel) || options.flag(Opt::LOG_MESSAGE_ID) ||
         options.flag(Opt::LOG_SENSITIVITY);
}

void write(const MtaConfig& config, const Entry& entry) {
  if (config.root().empty()) return;
  auto& all = sink();
  const auto count = all.count.fetch_add(1, std::memory_order_relaxed) + 1;
  const auto process = config.options().flag(Opt::LOG_PROCESS) ? process_text(count) : std::string();
  static const HeaderChoice none;
  std::shared_ptr<const HeaderChoice> choice;
  if (!entry.header.empty()) choice = all.choices.of(config);
  const auto line = format_entry(config, choice ? *choice : none, entry, {wall_ms(), process});
  if (!to_syslog(config, entry, line)) return;
  const bool apart =
      entry.kind == Entry::Kind::connection && config.options().flag(Opt::SEPARATE_CONNECTION_LOG);
  auto& file = apart ? all.connections : all.messages;
  const bool tells = config.options().flag(Opt::LOG_SNDOPR);
  if (!file.add(config.root(), line, tells ? operator_priority(config.options()) : -1)) return;
  if (auto* loop = EventLoop::current())
    loop->post([&file] { file.flush(); });
  else
    file.flush();
}

void tell_held(const MtaConfig& config, std::string_view channel, std::string_view file,
               std::string_view why) {
  if (!config.options().flag(Opt::HELD_SNDOPR)) return;
  const auto text = fmt::format("message {} of channel {} is held: {}", file, channel, printable(why, 400));
  ::syslog(operator_priority(config.options()), "%s", text.c_str());
}

void flush() {
  sink().messages.flush();
  sink().connections.flush();
}

}  // namespace waxwing::mta::mail_log
