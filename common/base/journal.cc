// Opening the journal, and leaving it.
#include "common/base/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/journal_others.h"
#include "common/base/journal_roots.h"

namespace waxwing::durable {

namespace {

constexpr int kTries = 500;
constexpr useconds_t kPauseUs = 10000;

std::unexpected<Error> kept(Error error) {
  error.text +=
      "; the journal is kept, and nothing runs before all of it is in the files: see to that, then start "
      "again, "
      "see REFUSALS in journal(5)";
  return std::unexpected(std::move(error));
}
}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(JournalSettings settings,
                                               const std::vector<std::string>& roots) {
  TRY_VOID(make_directory(settings.directory));
  const auto lock_path = settings.directory + "/lock";
  const bool fresh = !file_exists(lock_path);
  TRY(auto lock, open_file(lock_path, O_RDWR | O_CREAT | O_NOFOLLOW));
  if (fresh) TRY_VOID(give_to_owner_of(settings.directory, lock.get()));
  Control control;
  for (int tries = 0; !control; ++tries) {
    // Waits while somebody replays.
    if (::flock(lock.get(), LOCK_SH) != 0)
      return std::unexpected(system_error("cannot lock " + lock_path, errno));
    TRY(control, Control::attach(settings.control, lock.get()));
    if (control) break;
    // An upgrade gives the shared lock up first, so others may be quicker: then there is a control to attach.
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
      TRY(control, Control::attach(settings.control, lock.get()));
      if (!control) {
        auto made = set_up(settings, lock.get(), roots);
        if (!made) return kept(std::move(made.error()));
        control = std::move(*made);
      }
      ::flock(lock.get(), LOCK_SH);
    } else if (tries >= kTries) {
      return std::unexpected(held_by_others(settings, lock.get()));
    } else {
      ::flock(lock.get(), LOCK_UN);
      ::usleep(kPauseUs);
    }
  }
  settings.segment_bytes = control->segment_bytes;
  settings.segments = std::clamp(settings.segments, 2U, kMostSegments);
  std::unique_ptr<Journal> journal(new Journal(std::move(settings), std::move(lock), std::move(control)));
  for (const auto& root : roots) TRY_VOID(journal->cover(root));
  (void)
      journal->open_file_systems();  // nobody else has it yet; what fails now is tried again by a checkpoint
  return journal;
}

Journal::Journal(JournalSettings settings, UniqueFd lock, Control control)
    : settings_(std::move(settings)),
      lock_(std::move(lock)),
      control_(std::move(control)),
      files_(settings_.directory, settings_.segment_bytes) {}

Journal::~Journal() {
  end_housekeeper();
}

void Journal::leave() {
  end_housekeeper();
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) return;  // somebody else goes on
  // The last one; who comes now waits until this process has ended, and finds no control. A thread of this
  // process, or of one that is about to end, may still try to append: not behind the next one's back.
  while (checkpoint()) {
    const RobustLock lock(control_->append);
    if (log_end(*control_).lsn != control_->checkpointed) continue;
    control_->closed = 1;
    const auto& path = settings_.control;
    if (::rename(path.c_str(), (path + kSpareSuffix).c_str()) != 0) ::unlink(path.c_str());
    return;
  }
}

void Journal::report(const char* name, const JournalSettings::Fields& fields, bool error) const {
  if (settings_.report) settings_.report(name, fields, error);
}

}  // namespace waxwing::durable
