// Where the programs of conversions read and write.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "channels/conversion/part_run.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::channels {

namespace {
Result<> give(const std::string& path, const Account& account) {
  if (::geteuid() != 0 || ::lchown(path.c_str(), account.uid, account.gid) == 0) return {};
  return std::unexpected(system_error("cannot give " + path + " to " + account.name, errno));
}
}  // namespace

Result<ScratchFolder> ScratchFolder::make(const std::string& below, const Account& account) {
  TRY_VOID(make_directories(below, 0711));
  // Whatever the umask: the program's account must get through, and sees nothing here.
  if (::chmod(below.c_str(), 0711) != 0) return std::unexpected(system_error("cannot open " + below, errno));
  ScratchFolder folder(below + "/" + std::to_string(::getpid()) + "-" + unique_id());
  if (::mkdir(folder.path_.c_str(), 0700) != 0)
    return std::unexpected(system_error("cannot make " + folder.path_, errno));
  TRY_VOID(give(folder.path_, account));
  folder.account_ = &account;
  return folder;
}

void ScratchFolder::clean(const std::string& below) {
  const auto names = list_directory(below);
  if (!names) return;
  for (const auto& name : *names) {
    const auto pid = to_number<pid_t>(std::string_view(name).substr(0, name.find('-')));
    if (!pid || (*pid != ::getpid() && ::kill(*pid, 0) != 0 && errno == ESRCH))
      (void)remove_tree(below + "/" + name);
  }
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, "")), account_(other.account_) {}

ScratchFolder::~ScratchFolder() {
  if (!path_.empty()) (void)remove_tree(path_);
}

Result<> ScratchFolder::write(std::string_view name, std::string_view bytes) const {
  const auto to = path(name);
  TRY(const auto fd, open_file(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  TRY_VOID(write_all(fd.get(), bytes));
  return give(to, *account_);
}

}  // namespace waxwing::channels
