#include "tools/service/watcher_client.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/net/seqpacket.h"
#include "watcher/helpers.h"
#include "watcher/instance_processes.h"

namespace waxwing {

namespace {
constexpr std::int64_t kPatienceMs = 10'000;

std::string number_in(const std::string& path) {
  const auto text = read_file(path, 64);
  return text ? std::string(trim(*text)) : std::string();
}

// One that hangs takes connections, and every tool would hang with it.
Result<> greet(const std::string& root, int socket) {
  TRY_VOID(send_packet(socket, Record("status")));
  if (receive_packet(socket, kPatienceMs)) return {};
  const auto pid = number_in(root + "/run/watcher.pid");
  return temporary("watcher, pid " + pid +
                   ", does not answer: it hangs, or this host is very busy; kill -9 " + pid +
                   " and start-msg give the services, which go on, a new one");
}
}  // namespace

std::string left_running(const std::string& root) {
  std::string names;
  for (const auto& [name, pid] : running_services(root)) names += (names.empty() ? "" : " ") + name;
  for (const auto& name : running_helpers(root)) names += (names.empty() ? "" : ", ") + name;
  if (const auto pid = lost_watcher(root, -1); pid > 0)
    names += fmt::format("{}watcher (pid {}, whose run/watcher was removed)", names.empty() ? "" : ", ", pid);
  return names;
}

Result<bool> watcher_runs(const std::string& root) {
  const std::string path = root + "/run/watcher";
  if (!file_exists(path)) return false;
  if (::access(path.c_str(), W_OK) != 0 && errno == EACCES)
    return permanent("no permission for " + path +
                     ": run this as the user who owns the instance, or as root");
  const auto socket = connect_unix(path);
  if (!socket) return false;
  TRY_VOID(greet(root, socket->get()));
  return true;
}

Result<> launch_watcher(const std::string& root, const std::string& bin_directory) {
  // Of two who start at once the second waits here, and finds what the first has started.
  TRY(const UniqueFd turn, open_file(root, O_RDONLY | O_DIRECTORY));
  if (::flock(turn.get(), LOCK_EX) != 0) return std::unexpected(system_error("cannot lock " + root, errno));
  TRY(const bool runs, watcher_runs(root));
  if (runs) return {};

  const std::string program = bin_directory + "/watcher";
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(system_error("cannot fork", errno));
  if (child == 0) {
    ::execl(program.c_str(), program.c_str(), "--instance", root.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return permanent("cannot run " + program);
  return permanent("watcher could not start; see above and " + root + "/log/watcher.log");
}

Result<Record> follow(const std::string& root, const Record& question,
                      const std::function<void(const Record&)>& on_progress) {
  TRY(const UniqueFd socket, connect_unix(root + "/run/watcher"));
  TRY_VOID(send_packet(socket.get(), question));
  for (;;) {
    TRY(auto packet, receive_packet(socket.get(), -1));
    if (!packet) return temporary("watcher ended while it was asked to " + question.verb());
    if (packet->record.is("error")) return permanent(std::string(packet->record.get("text")));
    if (!packet->record.is("progress")) {
      // A watcher that was told to stop holds its lock until it is gone: the end of the connection.
      if (question.is("stop") && !question.has("name")) (void)receive_packet(socket.get(), 10'000);
      return std::move(packet->record);
    }
    if (on_progress) on_progress(packet->record);
  }
}

namespace {
std::string log_path(const std::string& root, const std::string& service) {
  return root + "/log/" + service + ".log";
}
}  // namespace

std::vector<std::string> last_log_lines(const std::string& root, const std::string& service,
                                        std::size_t count, std::size_t from_bytes) {
  constexpr std::size_t kMostBytes = 64 * 1024;
  const auto file = open_file(log_path(root, service), O_RDONLY);
  const std::size_t size = log_size(root, service);
  if (!file || size == 0) return {};
  if (from_bytes > size) from_bytes = 0;  // rolled over meanwhile
  if (size - from_bytes > kMostBytes) from_bytes = size - kMostBytes;
  std::string bytes(size - from_bytes, '\0');
  if (!read_at(file->get(), from_bytes, bytes.data(), bytes.size())) return {};
  std::vector<std::string> lines;
  for (std::string_view line : split(bytes, '\n'))
    if (!line.empty()) lines.emplace_back(line);
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(count));
  return lines;
}

std::size_t log_size(const std::string& root, const std::string& service) {
  struct stat info {};
  return ::stat(log_path(root, service).c_str(), &info) == 0 ? static_cast<std::size_t>(info.st_size) : 0;
}

}  // namespace waxwing
