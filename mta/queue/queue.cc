#include "mta/queue/queue.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "mta/config/channel_name.h"

namespace waxwing::mta::queue {

namespace {
bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}
}  // namespace

Queue::Queue(std::string directory, std::string job_controller_socket)
    : directory_(std::move(directory)), socket_path_(std::move(job_controller_socket)) {}
Queue::~Queue() = default;

Result<> Queue::ensure_bucket(const std::string& channel, const std::string& bucket, durable::Batch& batch) {
  const auto parent = directory_ + "/" + channel;
  const auto path = parent + "/" + bucket;
  {
    const std::lock_guard lock(mutex_);
    if (durable_buckets_.contains(path)) return {};
  }
  TRY_VOID(make_directories(path));
  // Another process may have made them and not synced them yet, so they are synced even when they were there.
  batch.directory(directory_).directory(parent);
  return {};
}

void Queue::bucket_is_durable(const std::string& channel, const std::string& bucket) {
  const std::lock_guard lock(mutex_);
  durable_buckets_.insert(directory_ + "/" + channel + "/" + bucket);
}

Result<FileName> Queue::rename_attempts(const FileName& name, unsigned attempts) const {
  auto to = name;
  to.attempts = attempts;
  if (to.relative() == name.relative()) return to;
  TRY_VOID(failpoint("queue.rename"));
  TRY_VOID(durable::rename(path_of(name), path_of(to)));
  return to;
}

FileName Queue::hold(const FileName& name, durable::Batch& batch) const {
  auto to = name;
  to.held = true;
  batch.rename(path_of(name), path_of(to));
  return to;
}

Result<FileName> Queue::release(const FileName& name, durable::Batch& batch) {
  auto to = name;
  to.held = false;
  if (name.channel == "hold") {
    // Held for a user whose status is "hold": the address has to be resolved again now.
    to.channel = "reprocess";
    TRY_VOID(ensure_bucket(to.channel, to.bucket, batch));
  }
  batch.rename(path_of(name), path_of(to));
  return to;
}

void Queue::set_aside(const FileName& name, const std::string& why) const {
  const auto to = aside_folder() + "/" + name.aside();
  const auto made = make_directories(aside_folder());
  const bool moved = made && durable::rename(path_of(name), to);
  log::Event("queue.damaged")
      .with("file", name.relative())
      .with("set_aside_as", moved ? to : "")
      .with("why", why)
      .with("action", moved ? "imsimta qm damaged shows it and says what to do"
                            : "could not be moved, left where it is")
      .error();
}

Result<> Queue::remove(const FileName& name) const {
  TRY_VOID(failpoint("queue.remove"));
  return durable::remove_for_ever(path_of(name));
}

Result<> Queue::remove(const FileName& name, durable::Batch& batch) const {
  TRY_VOID(remove(name));
  batch.removed(path_of(name));
  return {};
}

void Queue::remove_settled(const FileName& name) const {
  if (const auto removed = remove(name); !removed)
    log::Event("queue.not_removed").with("qid", name.id).with("why", removed.error().text).error();
}

Result<std::vector<std::string>> Queue::channels() const {
  std::vector<std::string> names;
  TRY(const auto entries, list_if_there(directory_));
  for (const auto& entry : entries)
    if (is_channel_name(entry) && is_directory(directory_ + "/" + entry)) names.push_back(entry);
  std::ranges::sort(names);
  return names;
}

bool Queue::is_stopped(const std::string& channel) const {
  return file_exists(directory_ + "/" + channel + "/.stopped");
}

Result<> Queue::set_stopped(const std::string& channel, bool stopped) const {
  const auto path = directory_ + "/" + channel + "/.stopped";
  if (stopped) {
    TRY_VOID(make_directories(directory_ + "/" + channel));
    return replace_file(path, "stopped " + iso_timestamp(wall_ms()) + "\n");
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(system_error("cannot remove " + path, errno));
  return {};
}

namespace {
struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// One bucket directory; a hundred thousand names are never in memory at once.
Result<bool> scan_bucket(const std::string& directory, const std::string& channel, const std::string& bucket,
                         const std::function<bool(const FileName&)>& visit) {
  const std::unique_ptr<DIR, DirectoryCloser> open(::opendir(directory.c_str()));
  if (!open) {
    if (errno == ENOENT) return true;
    return std::unexpected(system_error("cannot read " + directory, errno));
  }
  for (;;) {
    errno = 0;
    const auto* const entry = ::readdir(open.get());
    if (entry == nullptr && errno != 0)
      return std::unexpected(system_error("cannot read " + directory, errno));
    if (entry == nullptr) return true;
    if (entry->d_name[0] == '.') continue;
    const auto name = FileName::parse(channel + "/" + bucket + "/" + entry->d_name);
    if (!name) {
      log::Event("queue.strange_file").with("directory", directory).with("why", name.error().text).warning();
      continue;
    }
    if (!visit(*name)) return false;
  }
}
}  // namespace

Result<std::vector<std::string>> Queue::buckets(const std::string& channel) const {
  const auto folder = directory_ + "/" + channel;
  TRY(auto names, list_directory(folder));
  std::erase_if(names, [&](const std::string& name) {
    if (name[0] == '.') return true;
    if (name.size() == 3 && std::ranges::all_of(name, is_digit)) return false;
    log::Event("queue.strange_file").with("directory", folder).with("name", name).warning();
    return true;
  });
  std::ranges::sort(names);
  return names;
}

Result<std::vector<FileName>> Queue::list_bucket(const std::string& channel,
                                                 const std::string& bucket) const {
  std::vector<FileName> names;
  TRY_VOID(scan_bucket(directory_ + "/" + channel + "/" + bucket, channel, bucket, [&](const FileName& name) {
    names.push_back(name);
    return true;
  }));
  return names;
}

Result<> Queue::scan(const std::string& channel, const std::function<bool(const FileName&)>& visit) const {
  TRY(const auto names, buckets(channel));
  for (const auto& bucket : names) {
    TRY(const bool go_on, scan_bucket(directory_ + "/" + channel + "/" + bucket, channel, bucket, visit));
    if (!go_on) break;
  }
  return {};
}

}  // namespace waxwing::mta::queue
