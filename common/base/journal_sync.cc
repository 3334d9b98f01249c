// The sync of a checkpoint, and what is believed after one that failed, or whose process was killed in it.
//
// When a page cannot be written the kernel takes it for clean, and the next syncfs succeeds without it. What is left is
// one word, kept with the file system: syncfs tells it to every descriptor that was open when the page failed, once
// each, whoever else has been told; and to a descriptor that was opened later, but only as long as nobody had been told.
// So every process opens its descriptors when it opens the journal, and keeps them.
//
// A sync that answered an error leaves no doubt that pages are lost: of files in the log, which are made dirty again
// (journal_touch.h), and of files that are yet to be appended. For so long as a commit may take, each checkpoint makes
// dirty again what is older than the error, and whoever began before the checkpoint and has not appended yet does so
// with his own files and reads them once more (refuses() in journal.h).
//
// A process that was killed in its sync may have been told such a word and have taken it along. Nearly always it was
// not, and which it was can be known:
//   * Who had opened its descriptors before that sync began is told the same by a sync of its own. If that
//     succeeds there was nothing, and nothing is left to be done. Errors of the file system's own structures that no
//     descriptor is told make it read-only, which all later writes tell.
//   * Who came later cannot know. It takes the worse for true, as above, until one of the former has synced.
// Syncs are numbered (passes), under the lock checkpoint. A descriptor notes the number after it was opened, so a sync that
// begins between the two counts as one before it; who opens the journal waits for no sync. A number is used again until
// the outcome of a sync is known, so that it is the first of several that died.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/failpoint.h"
#include "common/base/journal.h"
#include "common/base/journal_reader.h"
#include "common/base/journal_start.h"
#include "common/base/journal_touch.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
// From the first byte of a file to its append: so long after a failed sync there may be one whose pages it lost.
constexpr std::int64_t kLongestCommitMs = 15LL * 60 * 1000;
}  // namespace

Result<> Journal::open_file_systems() {
  std::vector<std::string> directories{settings_.directory};
  const auto count = control_->root_count.load();
  for (std::uint32_t n = 0; n < count; ++n) {
    const std::string_view root = control_->roots[n];
    directories.push_back(root.starts_with('/') ? std::string(root)
                                                : settings_.root + "/" + std::string(root));
  }
  for (const auto& directory : directories) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // its files went with it
      return std::unexpected(system_error("cannot stat " + directory, errno));
    }
    if (file_systems_.contains(status.st_dev)) continue;
    TRY(auto opened, open_file(directory, O_RDONLY | O_DIRECTORY));
    const auto passes = control_->passes.load();  // not before it is open
    file_systems_.emplace(status.st_dev, FileSystem{std::move(opened), passes});
  }
  return {};
}

// Is this process told whatever that sync was, or may have been?
bool Journal::is_told_of(std::uint64_t pass) const {
  return std::ranges::all_of(file_systems_, [&](const auto& each) { return each.second.opened < pass; });
}

bool Journal::is_in_doubt() const {
  return control_->doubt == kFailed || (control_->doubt == kDied && !is_told_of(control_->doubted_pass));
}

void Journal::begin_doubt(Doubt kind) {
  control_->doubted_ms = monotonic_ms();
  control_->doubted_wall_ms = wall_ms();
  if (control_->doubt >= kind) return;  // of the first of several that died, or of a failure
  control_->doubted_pass = control_->passes.load();
  control_->doubt = kind;
}

// The one before was killed in its sync.
void Journal::take_over() {
  const bool told = is_told_of(control_->passes);
  if (!told) begin_doubt(kDied);
  report("journal.checkpoint.died",
         {{"action",
           told ? "the files are synced again"
                : "the files are written and synced again, with each checkpoint until a program makes one "
                  "that was running before, or for a quarter of an hour"}},
         false);
}

// Before a checkpoint notes the log's end.
Result<> Journal::begin_sync() {
  auto opened = open_file_systems();
  if (!opened) report("journal.checkpoint.failed", {{"error", opened.error().text}}, true);
  if (opened && control_->checking != 0) take_over();
  return opened;
}

Result<> Journal::make_dirty_again(const std::string& path) const {
  return touch_again(path, control_->doubted_wall_ms);
}

// Everything that was applied before is on disk.
Result<> Journal::sync_files() {
  const bool in_doubt = is_in_doubt();
  const auto synced = [&]() -> Result<> {
    if (in_doubt) {
      TRY(const auto last, load_checkpoint(settings_.directory));
      JournalReader reader(files_);
      if (last) reader.start(last->lsn, last->chain);
      if (last) TRY_VOID(touch_again(reader, settings_.root, control_->doubted_wall_ms));
    }
    if (control_->checking == 0) control_->passes.fetch_add(1);
    control_->checking = 1;
    return syncfs_all();
  }();
  if (!synced) {
    begin_doubt(kFailed);
    report("journal.checkpoint.failed", {{"error", synced.error().text}}, true);
  } else if (!in_doubt || monotonic_ms() - control_->doubted_ms > kLongestCommitMs) {
    control_->doubt = 0;
  }
  control_->checking = 0;
  return synced;
}

Result<> Journal::syncfs_all() {
  for (const auto& [device, file_system] : file_systems_) {
    TRY_VOID(failpoint("journal.checkpoint"));
    if (::syncfs(file_system.fd.get()) != 0)
      return std::unexpected(system_error("cannot sync a file system", errno));
  }
  return {};
}

}  // namespace waxwing::durable
