// The one door to the disk for everything that is promised to somebody.
//
// The crash rule: what was answered with 250 or a tagged OK survives kill -9 and a power cut; what was
// not answered is there whole or not at all. A caller writes its files as it likes, then hands a Batch
// to commit(): when commit answers success the batch is durable.
//
// There are two ways to get there, and callers do not see which is taken:
//   * Journaled (open_journal() was called): names are made, then contents, ranges and names are appended to
//     the commit journal that all processes of the instance share (common/base/journal.h), and one fdatasync
//     serves everybody who waits. The files themselves reach the disk with the next checkpoint.
//   * Straight to disk (no journal, or the batch has a file() or a content of more than kLargeContent bytes):
//     1. every file(), content() and range() is synced, 2. renames and links are made in the order given (a
//     name never shows half a file), 3. the directories of all names in the batch are synced.
// Batches that wait at the same moment share one pass (group commit).
//
// What the journal asks of callers:
//   * All paths are absolute, without "." and ".." pieces, below a directory named to covers().
//   * Bytes that were handed over as content() or range() are later changed only through range() or by a new
//     content(): a replay would undo what went past the journal.
//   * Files so written are removed and renamed through this header. A directory above them is renamed or
//     removed for reuse only when nothing is written there and after settle().
//   * At most one level of directories above a content may be new without directory(): replay makes that one.
//
// On failure nothing of the batch is promised; names already made stay and are the caller's to remove.
// Thread-safe. commit() blocks: call it on a worker, or use net::commit_durably() in a coroutine.
// Failpoints: durable.sync, durable.publish, durable.syncdir, durable.remove, and those of journal.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ageing.h"
#include "common/base/result.h"

namespace waxwing::durable {

constexpr std::uint64_t kLargeContent = 256 * 1024;

// Bytes that were changed in place in a file which is durable or in the journal already.
struct Range {
  std::string path;
  int fd = -1;  // stays open until the commit has answered
  std::uint64_t offset = 0;
  // Appends the bytes as they are when it is called, so that of two changes the later record has the later
  // state. Called by another thread under the journal's lock, again if there was no room: copy only, at most 64 KiB.
  std::function<void(std::string&)> image;
  // What must stand there for the range to be written back after a power cut: the identity of the file, so
  // that a file of a later life under this name is left alone. Empty: no condition.
  std::uint64_t guard_offset = 0;
  std::string guard;
  // Of an image of pieces that tell their age: those that are newer in the file stay as they are.
  Ageing ageing = {};
};

class Batch {
 public:
  // A file written whole by the caller, through any descriptor; path is its name when commit answers: made by
  // a rename or link of this batch, by the caller before, or there already. fd is readable and stays open
  // until the commit has answered.
  Batch& content(int fd, std::string path);
  // from and to on the same file system; to must not be relied on before the commit answers.
  Batch& rename(std::string from, std::string to);
  // Hard link; to must not exist.
  Batch& link(std::string from, std::string to);
  // The caller has made this link already. from is durable, in the journal, or a content of this batch.
  Batch& linked(std::string from, std::string to);
  Batch& range(Range range);
  // The caller has removed this name already, and it must not come back.
  Batch& removed(std::string path);
  // Straight to disk, for what is rare. The descriptor stays open until the commit has answered.
  Batch& file(int fd);
  // A directory whose entries (creations, removals) must be durable. Straight to disk.
  Batch& directory(std::string path);
  bool empty() const;

 private:
  friend struct BatchParts;
  struct Content {
    int fd = -1;
    std::string path;
  };
  struct Move {
    enum class Kind { rename, link, linked } kind;
    std::string from, to;
  };
  std::vector<int> files_;
  std::vector<Content> contents_;
  std::vector<Move> moves_;
  std::vector<Range> ranges_;
  std::vector<std::string> removed_;
  std::vector<std::string> directories_;
};

// Blocks until the batch is durable or has failed.
Result<> commit(Batch batch);

// Answers at once; done is called exactly once, on a thread of the committer, and must not block.
void commit_async(Batch batch, std::function<void(Result<>)> done);

// Runs work on a thread that may block. Outlives every commit it was given to.
using Blocking = std::function<void(std::function<void()>)>;

// The same for a thread that may block: when nobody is committing it does so itself, for everybody who waits,
// and no thread is woken. done may block too: it is called on this thread, or by way of blocking, together
// with others. So this thread must hold no lock that a done might want, and a done that has to wait for
// long keeps others waiting: it had better go on elsewhere.
void commit_here(Batch batch, std::function<void(Result<>)> done, const Blocking& blocking);

// Removes or renames now, without waiting for the disk; it becomes durable with the next commit or checkpoint
// of anybody. Until then a power cut may bring the old name back: only for what is repeated without harm.
// remove: missing is success. The journal hears of it first, so what must last in place of the file is committed before,
// and a file that could not be removed may be gone after a power cut.
Result<> remove(const std::string& path);
Result<> rename(const std::string& from, const std::string& to);
// The same as remove, for a name that is never used again; the two above may have to wait for room in the
// journal, this one does not: for event loops.
Result<> remove_for_ever(const std::string& path);

// Where names become durable in no order a rename has both names for a while (journal_order.h), and leaves them when
// its process dies. If it did, stays is made durable and other is removed. Waits for the disk.
enum class TwoNames { are_not, go_on, ended };  // not of one file; of one that is just renamed; other is gone
Result<TwoNames> end_rename(const std::string& other, const std::string& stays);

// Everything that was committed or removed before is in its files on disk when this answers (a checkpoint).
// Slow. Without a journal there is nothing to do.
Result<> settle();

// Files below this directory may be journaled: its file system takes part in checkpoints. Before or after
// open_journal; known from then on to every process and to replay. Without a journal: nothing.
Result<> covers(const std::string& directory);

struct JournalSettings {
  std::string root;                       // of the instance: paths below it are journaled relative to it
  std::string directory;                  // ROOT/journal
  std::string control;                    // ROOT/run/journal
  std::uint64_t segment_bytes = 4 << 20;  // of a new journal; an existing one keeps its size
  unsigned segments = 32;                 // at most; it starts with two
  // Events for the log: name, fields, and whether it is an error. Called from any thread.
  using Fields = std::vector<std::pair<std::string, std::string>>;
  std::function<void(const char* name, const Fields& fields, bool error)> report;
};

// From now on this process commits through the journal. After a power cut (first opening since the system
// started) what is in the journal is brought into the files first. Once a process, before any commit.
Result<> open_journal(JournalSettings settings);
// For an instance that is to run without: brings what a journal still holds into the files, and leaves it.
Result<> retire_journal(JournalSettings settings);
// Which run this is, once the journal is open: of the system, or since a replay in it (journal_run.h). What another
// run left in shared memory is to be mended. Empty when the system does not tell.
std::string run_id();
// At a clean end of the process, after the last commit: the last one of an instance makes a checkpoint.
void leave_journal();

// Number of passes since start, and batches served by them: their ratio is the gain of grouping.
struct Counters {
  std::uint64_t passes = 0;
  std::uint64_t batches = 0;
};
Counters counters();

}  // namespace waxwing::durable
