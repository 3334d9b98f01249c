// The commit journal: how a commit becomes durable without syncing its files.
//
// A message that is written and fsynced costs a flush of the disk, and a committed transaction of the file
// system, for itself alone. Here the files are written as ever, and left in the page cache; what must be
// durable (the bytes of a new file, a name, a changed piece) is also appended to a log that was allocated
// beforehand. One fdatasync of the log serves everybody who waits, in all processes. From time to time a
// checkpoint (syncfs) brings the files themselves to disk, all at once, and the log's space is used again. A
// message that is delivered and removed before that never costs a flush of its file.
//
// One journal per instance, shared by its processes: one total order of all changes makes a replay a simple
// redo from front to back (a queue file is written by smtpd, linked into the store by ims_master, and its
// flags are set by imapd), and the processes share each other's fdatasync.
//
//   ROOT/journal/segment.NN    the log (journal_segment.h), records in it (journal_record.h)
//   ROOT/journal/checkpoint    where a replay begins (journal_start.h)
//   ROOT/journal/roots         where it may write; each such directory bears a mark (journal_mark.h)
//   ROOT/journal/damaged.N     what a replay could not read, for people (journal_aside.h)
//   ROOT/journal/lock          flock: shared by all who have the journal open, exclusive for who sets it up
//   ROOT/run/journal           mapped memory of the processes (journal_control.h)
//
// A commit (durable.cc), and what may happen there:
//   1. makes its names in the file system.
//        death: nothing was promised, nothing is to be repaired
//   2. looks where the log ends, and reads the contents back into records that tell that place.
//   3. takes the lock append, takes images of its ranges, writes the records at the end of the log, moves the
//      end of the log.
//        death: the end was not moved, the next one writes over what is there
//   4. unless somebody's sync has covered it: takes the lock sync, looks again, fdatasync, publishes how far.
//        error: broken; death in fdatasync: its result is unknown, so broken too
//   5. answers.
//
// Changes are applied before they are appended. So whatever stands before the end of the log is in the page
// cache, and syncfs brings it to disk: a checkpoint notes the end of the log, syncs, and then needs nothing
// before that point any more, nor of what was in the page cache when the log ended there. Hence the place in a
// content: if a checkpoint noted one behind it before the content was appended, as it may when the append waits for
// room, the file is on disk, perhaps with changes that the log does not tell any more, and the replay leaves it alone.
// A removal alone is appended first, and once more if a checkpoint has begun before it was made: the log has the bytes of
// what is removed, and would make again what a process took away that died before it told (remove_told in durable.cc).
// Processes may die at will, for the page cache has everything; only the first
// opening after a system start (control missing or of another boot) replays: journal_replay.h.
//
// Broken: when a sync of the log fails, the kernel takes the pages for clean, and trying again would succeed
// without writing them. So nothing is appended any more; the next committer runs recover(): a checkpoint,
// then a fresh segment. Until that succeeds every commit is a temporary error. In doubt: the same may befall
// the files in a checkpoint. Then the next one first makes the pages dirty again that the log speaks of
// (journal_sync.cc). No sync is believed whose predecessor failed.
//
// Space: segments are added up to the limit when the log is full, freed by checkpoints. A checkpoint begins
// when half of the limit is in use, 30 s after the first record that needs it, at the last clean leave(), and
// by settle(). A writer waits only when no segment is free (event journal.full). Segments are written over, never
// removed: a disk that removes nothing any more (EIO, EROFS) fails no commit for that reason.
// Failpoints: journal.append, journal.sync, journal.checkpoint, journal.checkpoint.write, journal.recycle,
// journal.grow, journal.replay, journal.open.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "common/base/durable.h"
#include "common/base/journal_control.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_segment.h"

namespace waxwing::durable {

class Journal {
 public:
  static constexpr std::uint64_t kAnyTime = ~std::uint64_t{0};

  // Replays if this is the first opening of the system run. roots: named to covers() so far.
  static Result<std::unique_ptr<Journal>> open(JournalSettings settings,
                                               const std::vector<std::string>& roots);
  ~Journal();

  // May this path be journaled? Then name_of is how records call it.
  bool covers(const std::string& path) const;
  std::string_view name_of(std::string_view path) const;
  Result<> cover(const std::string& directory);
  // Before anything is journaled of that path: its root bears the mark by which replay will know it, or gets one if
  // it never had any. A temporary error when it is another one, or not mounted. Blocks the first time.
  Result<> admit(const std::string& path);

  // Appends encoded records, then ranges, whose images are taken under the lock. Answers the lsn to wait for.
  // since: where the log ended when the contents among the records had been applied and were not read yet.
  Result<std::uint64_t> append(std::string records, std::vector<const Range*> ranges = {},
                               std::uint64_t since = kAnyTime);
  // One record, if there is room for it without waiting. 0: there is none.
  Result<std::uint64_t> append_at_once(std::string record);
  // Does a checkpoint that began since pass over what was appended up to lsn? Then it may not have seen what is applied
  // from now on, and that must be appended again.
  bool passes_over(std::uint64_t lsn) const { return control_->noted >= lsn; }
  // Was the log's end noted by a checkpoint in doubt, after it had been at since? Then what was in place at since and was
  // not appended is refused (temporary), for neither the log nor the disk may have it. It goes when its
  // pages have been made dirty again and it was read anew.
  bool refuses(std::uint64_t since) const { return since < control_->refused_before; }
  Result<> make_dirty_again(const std::string& path) const;
  // Until everything before lsn is durable.
  Result<> wait(std::uint64_t lsn);
  Result<> checkpoint();
  // Where the log ends now.
  std::uint64_t end() const { return end_now().lsn; }
  // Do names become durable in the order in which they were made, in every directory that is covered? If not, may the
  // log lack the bytes of that file? See journal_order.h.
  bool keeps_names_in_order() const { return in_no_order_ == 0; }
  bool may_lack(const std::string& path) const;
  // Renames if the log has the bytes of the file, and will have them until both halves are on disk, for no checkpoint is
  // on its way. False: nothing was done.
  Result<bool> rename_what_log_has(const std::string& from, const std::string& to);
  bool broken() const { return control_->broken != 0; }
  // Leaves the broken state, or says why not.
  Result<> recover();
  // For a clean end, when all is committed: the last process to leave makes a checkpoint and removes control.
  void leave();

  const ControlBlock& control() const { return *control_; }

 private:
  struct Root {
    std::string path;  // absolute
    bool marked = false;
  };

  Journal(JournalSettings settings, UniqueFd lock, Control control);
  // journal_set_up.cc
  static Result<Control> set_up(const JournalSettings& settings, int lock_fd,
                                const std::vector<std::string>& roots);

  // journal_append.cc
  Result<bool> append_some(std::string& records, std::vector<const Range*>& ranges, std::uint64_t since,
                           std::uint64_t& lsn);
  Result<bool> write_some(std::string& records, std::vector<const Range*>& ranges, std::uint64_t& lsn);
  Result<bool> fit(LogEnd& end, std::size_t count);
  Result<> close_segment(std::uint64_t end);
  Result<bool> enter_segment(LogEnd& end);
  Result<> make_room();
  Result<> sync_segments(std::uint64_t from, std::uint64_t to);
  Error stopped() const;

  // journal_checkpoint.cc; the lock checkpoint is held
  Result<> checkpoint_locked();
  Result<> start_afresh();
  LogEnd end_now() const;
  LogEnd note_end();

  // journal_sync.cc; the lock checkpoint is held
  enum Doubt : std::uint32_t { kDied = 1, kFailed = 2 };
  Result<> open_file_systems();
  bool is_told_of(std::uint64_t pass) const;
  bool is_in_doubt() const;
  void begin_doubt(Doubt kind);
  void take_over();
  Result<> begin_sync();
  Result<> sync_files();
  Result<> syncfs_all();

  // journal_housekeeper.cc
  void wake_housekeeper(std::uint64_t lsn);
  void housekeep();
  bool tend();
  bool is_half_full(std::uint64_t lsn) const;
  void end_housekeeper();

  void note_time();  // journal_order.cc; append is held

  // journal_roots.cc; the lock checkpoint is held
  Result<bool> mark(const std::string& name, MarkEmpty empty) const;
  const Root* root_of(const std::string& path) const;  // roots_mutex_ is held

  void report(const char* name, const JournalSettings::Fields& fields, bool error) const;

  const JournalSettings settings_;
  UniqueFd lock_;
  Control control_;
  SegmentFiles files_;

  mutable std::shared_mutex roots_mutex_;
  std::vector<Root> roots_;  // that this process knows
  std::atomic<unsigned> unmarked_{0};
  std::atomic<unsigned> in_no_order_{0};

  // One descriptor a file system, kept from the beginning, and the passes at that time: journal_sync.cc. Under checkpoint.
  struct FileSystem {
    UniqueFd fd;
    std::uint64_t opened = 0;
  };
  std::map<std::uint64_t, FileSystem> file_systems_;

  std::mutex housekeeper_mutex_;
  std::condition_variable housekeeper_wakes_;
  std::thread housekeeper_;
  bool work_comes_ = false, ending_ = false;
  std::atomic<bool> timer_runs_{false}, told_full_{false};
};

}  // namespace waxwing::durable
