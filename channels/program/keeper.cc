#include "channels/program/keeper.h"

#include <dirent.h>
#include <grp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "common/base/process_stat.h"
#include "common/base/strings.h"

namespace waxwing::channels {

namespace {

constexpr int kFirstWord = 8;  // argv: name --run UID GID ACCOUNT SECONDS PROCESSES FILEBYTES PROGRAM...

struct Order {
  uid_t uid = 0;
  gid_t gid = 0;
  const char* account = nullptr;
  unsigned seconds = 0;
  rlim_t processes = 0;
  rlim_t file_bytes = 0;
  char** words = nullptr;
};

int failed(const char* what) {
  std::printf("%s: %s", what, std::strerror(errno));
  std::fflush(stdout);
  return kKeeperFailed;
}

// In the child: from here to exec everything is for the program's own account.
int become_program(const Order& order, pid_t keeper) {
  ::setsid();
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  const rlimit none{0, 0}, processes{order.processes, order.processes};
  ::setrlimit(RLIMIT_CORE, &none);
  ::setrlimit(RLIMIT_NPROC, &processes);
  const rlimit file{order.file_bytes, order.file_bytes};
  if (order.file_bytes > 0) ::setrlimit(RLIMIT_FSIZE, &file);
  if (::geteuid() == 0) {
    if (::initgroups(order.account, order.gid) != 0 || ::setgid(order.gid) != 0 || ::setuid(order.uid) != 0)
      return failed("cannot become the program's account");
  }
  // Only now: the kernel forgets it when a process becomes somebody else. The keeper may have died before.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) return kKeeperFailed;
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigprocmask(SIG_SETMASK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::execv(order.words[0], order.words);
  return failed(order.words[0]);
}

// Processes and threads of the account: the kernel's limit counts them all, not those of the program only.
rlim_t tasks_of(uid_t uid) {
  rlim_t tasks = 0;
  auto* folder = ::opendir("/proc");
  if (folder == nullptr) return 0;
  while (const auto* entry = ::readdir(folder)) {
    struct stat status {};
    const std::string path = std::string("/proc/") + entry->d_name;
    if (!to_number<pid_t>(entry->d_name) || ::stat(path.c_str(), &status) != 0 || status.st_uid != uid)
      continue;
    const bool listed = ::stat((path + "/task").c_str(), &status) == 0;
    tasks += listed && status.st_nlink > 2 ? status.st_nlink - 2 : 1;
  }
  ::closedir(folder);
  return tasks;
}

int children_killed() {
  auto* folder = ::opendir("/proc");
  if (folder == nullptr) return 0;
  const pid_t self = ::getpid();
  int killed = 0;
  while (const auto* entry = ::readdir(folder)) {
    const auto pid = to_number<pid_t>(entry->d_name);
    if (!pid) continue;
    const auto process = process_stat(*pid);
    if (!process || process->parent != self) continue;
    ::kill(*pid, SIGKILL);
    ++killed;
  }
  ::closedir(folder);
  return killed;
}

// The program's own group at one stroke, which no fork outruns; then, a generation at a time, whoever left it:
// those who die leave their children to us. The limit on processes bounds how many there can be.
void end_all_below(pid_t program) {
  ::kill(-program, SIGKILL);
  constexpr int kRounds = 10'000;
  for (int round = 0; round < kRounds && children_killed() > 0; ++round) {
    ::waitpid(-1, nullptr, 0);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

// The program's status, or kKeeperLate; waits no longer than the time and a signal allow.
int wait_for(pid_t program, unsigned seconds, const sigset_t& signals) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto end = now.tv_sec + static_cast<time_t>(seconds);
  for (;;) {
    int status = 0;
    for (pid_t ended = ::waitpid(-1, &status, WNOHANG); ended > 0; ended = ::waitpid(-1, &status, WNOHANG)) {
      if (ended != program) continue;
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec >= end) return kKeeperLate;
    const timespec left{end - now.tv_sec, 0};
    if (::sigtimedwait(&signals, nullptr, &left) == SIGTERM) return kKeeperLate;
  }
}

}  // namespace

int run_keeper(int argc, char** argv) {
  if (argc <= kFirstWord) {
    std::printf("--run is for the channel program itself");
    return kKeeperFailed;
  }
  Order order{to_number<uid_t>(argv[2]).value_or(65534),
              to_number<gid_t>(argv[3]).value_or(65534),
              argv[4],
              to_number<unsigned>(argv[5]).value_or(60),
              to_number<rlim_t>(argv[6]).value_or(100),
              to_number<rlim_t>(argv[7]).value_or(0),
              argv + kFirstWord};
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGCHLD);
  ::sigaddset(&signals, SIGTERM);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  order.processes += tasks_of(order.uid);
  const pid_t self = ::getpid(), program = ::fork();
  if (program < 0) return failed("cannot start a process");
  if (program == 0) ::_exit(become_program(order, self));
  // Only the program holds these now: their end is its end.
  ::close(STDIN_FILENO);
  const int status = wait_for(program, order.seconds, signals);
  end_all_below(program);
  return status;
}

}  // namespace waxwing::channels
