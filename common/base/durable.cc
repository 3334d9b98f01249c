#include "common/base/durable.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <future>
#include <thread>

#include "common/base/durable_committer.h"
#include "common/base/durable_records.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_control.h"
#include "common/base/journal_order.h"
#include "common/base/journal_record.h"
#include "common/base/journal_run.h"

namespace waxwing::durable {

Batch& Batch::content(int fd, std::string path) {
  contents_.push_back({fd, std::move(path)});
  return *this;
}
Batch& Batch::rename(std::string from, std::string to) {
  moves_.push_back({Move::Kind::rename, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::link(std::string from, std::string to) {
  moves_.push_back({Move::Kind::link, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::linked(std::string from, std::string to) {
  moves_.push_back({Move::Kind::linked, std::move(from), std::move(to)});
  return *this;
}
Batch& Batch::range(Range range) {
  ranges_.push_back(std::move(range));
  return *this;
}
Batch& Batch::removed(std::string path) {
  removed_.push_back(std::move(path));
  return *this;
}
Batch& Batch::file(int fd) {
  files_.push_back(fd);
  return *this;
}
Batch& Batch::directory(std::string path) {
  directories_.push_back(std::move(path));
  return *this;
}
bool Batch::empty() const {
  return files_.empty() && contents_.empty() && moves_.empty() && ranges_.empty() && removed_.empty() &&
         directories_.empty();
}

namespace {
std::atomic<Journal*> journal_of_process{nullptr};

// Directories named to covers() before the journal was opened.
std::mutex early_mutex;
std::vector<std::string> early_roots;
std::string run;  // journal_run.h; not changed once the journal is open

// Collects the records of a pass and appends them a megabyte at a time, so that the lock is never held long.
class Appending {
 public:
  Appending(Journal& journal, std::function<Result<>(Job&, std::uint64_t, std::string&)> record)
      : journal_(journal), record_(std::move(record)), since_(journal.end()) {}
  void add(Job& job) {
    take(job);
    jobs_.push_back(&job);
    if (records_.size() > kMostBytes) flush();
  }
  void flush() {
    for (int tries = 0; outcome_ && !(records_.empty() && ranges_.empty()); ++tries) {
      const auto lsn = journal_.append(std::exchange(records_, {}), std::exchange(ranges_, {}), since_);
      if (lsn)
        lsn_ = *lsn;
      else if (tries < kMostTries && journal_.refuses(since_))
        take_again();
      else
        outcome_ = std::unexpected(lsn.error());
    }
    jobs_.clear();
  }
  Result<> wait() {
    flush();
    if (!outcome_ || lsn_ == 0) return outcome_;
    return journal_.wait(lsn_);
  }

 private:
  static constexpr std::size_t kMostBytes = 1 << 20;
  static constexpr int kMostTries = 16;

  void take(Job& job) {
    if (job.outcome) job.outcome = record_(job, since_, records_);
    if (job.outcome) add_ranges(journal_, job.batch, ranges_);
  }
  // Part of it may be in the log already: what comes later counts.
  void take_again() {
    for (auto* const job : jobs_)
      if (job->outcome) job->outcome = make_dirty_again(journal_, job->batch);
    since_ = journal_.end();
    for (auto* const job : jobs_) take(*job);
  }

  Journal& journal_;
  const std::function<Result<>(Job&, std::uint64_t, std::string&)> record_;
  std::vector<Job*> jobs_;  // whose records are not appended yet
  std::string records_;
  std::vector<const Range*> ranges_;
  std::uint64_t lsn_ = 0, since_;
  Result<> outcome_;
};

void fail_those_left(std::vector<Job>& jobs, const Result<>& outcome) {
  for (auto& job : jobs)
    if (job.outcome && !outcome) job.outcome = outcome;
}

void admit_jobs(Journal& journal, std::vector<Job>& jobs) {
  for (auto& job : jobs)
    if (job.outcome) job.outcome = admit_batch(journal, job.batch);
}

void pass_to_disk(std::vector<Job>& jobs, Crew& crew) {
  auto* const journal = the_journal();
  if (journal != nullptr && journal->broken()) fail_those_left(jobs, journal->recover());
  // Whoever finds a name that is made below may change the file at once, and its record comes before ours.
  const auto since = journal == nullptr ? 0 : journal->end();
  if (journal != nullptr) admit_jobs(*journal, jobs);
  sync_jobs(jobs, Step::content, crew);
  for (auto& job : jobs)
    if (job.outcome) job.outcome = make_names(job.batch);
  sync_jobs(jobs, Step::names, crew);
  if (journal == nullptr) return;
  Appending appending(*journal, [&](Job& job, std::uint64_t reading, std::string& records) {
    record_standing(*journal, job.batch, since, records);
    return record_small_contents(*journal, job.batch, reading, records);
  });
  for (auto& job : jobs) appending.add(job);
  fail_those_left(jobs, appending.wait());
}

void pass_through_journal(std::vector<Job>& jobs, Crew& crew) {
  auto& journal = *the_journal();
  if (journal.broken()) fail_those_left(jobs, journal.recover());
  admit_jobs(journal, jobs);
  for (auto& job : jobs) {
    if (job.outcome) job.outcome = make_names(job.batch);
    if (job.outcome) job.outcome = sync_links(journal, job.batch);
  }
  Appending appending(journal, [&](Job& job, std::uint64_t reading, std::string& records) {
    return record_batch(journal, job.batch, reading, records);
  });
  for (auto& job : jobs) appending.add(job);
  appending.flush();
  sync_jobs(jobs, Step::asked, crew);
  fail_those_left(jobs, appending.wait());
}

struct Lanes {
  Lane disk{pass_to_disk}, journal{pass_through_journal};
};
std::atomic<Lanes*> lanes_of_process{nullptr};

// A child that was forked has no threads: it begins with lanes of its own.
void forget_lanes() {
  lanes_of_process = new Lanes;
}

// Never destroyed: batches may end during exit.
Lanes& lanes() {
  static const bool made = [] {
    lanes_of_process = new Lanes;
    return ::pthread_atfork(nullptr, nullptr, forget_lanes) == 0;
  }();
  (void)made;
  return *lanes_of_process;
}
}  // namespace

Journal* the_journal() {
  return journal_of_process.load(std::memory_order_acquire);
}

namespace {
Lane& lane_for(const Batch& batch) {
  const auto* journal = the_journal();
  if (journal == nullptr) return lanes().disk;
  const auto to_disk = goes_to_disk(*journal, batch);
  // A descriptor that cannot even be asked for its size: let the sync say so.
  return !to_disk || *to_disk ? lanes().disk : lanes().journal;
}
}  // namespace

Result<> commit(Batch batch) {
  if (batch.empty()) return {};
  auto& lane = lane_for(batch);
  return lane.commit(std::move(batch));
}

void commit_async(Batch batch, std::function<void(Result<>)> done) {
  auto& lane = lane_for(batch);
  lane.submit({std::move(batch), std::move(done), {}, nullptr});
}

void commit_here(Batch batch, std::function<void(Result<>)> done, const Blocking& blocking) {
  auto& lane = lane_for(batch);
  lane.serve({std::move(batch), std::move(done), {}, &blocking});
}

namespace {
// Not durable before the next sync, so its failure is nobody's: a journal that cannot be written is left by a
// checkpoint, and that takes the change with it.
void append_unasked(std::string record) {
  (void)the_journal()->append(std::move(record));
}

// Answers whether it was there.
Result<bool> unlink_now(const std::string& path) {
  TRY_VOID(failpoint("durable.remove"));
  if (::unlink(path.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return std::unexpected(system_error("cannot remove " + path, errno));
}

std::string record_of_removal(const std::string& path) {
  std::string record;
  encode_name(record, RecordType::removed, the_journal()->name_of(path));
  return record;
}

// A removal is the one change that the log hears of before it is made. Who is killed between the two leaves a file that
// a replay takes away, and nobody is to miss it; the other way round the log would still have the bytes of what is gone,
// a replay would make it again, and a message that is long delivered, read and expunged would be delivered once more.
// But a checkpoint that comes between passes over the record and has not seen the change: then it is told again.
Result<> remove_told(const std::string& path, const std::function<Result<std::uint64_t>(std::string)>& tell,
                     const std::function<void()>& tell_again) {
  auto* const journal = the_journal();
  if (journal != nullptr) TRY_VOID(journal->admit(path));
  if (journal == nullptr || !journal->covers(path)) {
    TRY_VOID(unlink_now(path));
    return {};
  }
  const auto told = tell(record_of_removal(path));
  TRY(const bool was_there, unlink_now(path));
  if (was_there && (!told || journal->passes_over(*told))) tell_again();
  return {};
}
}  // namespace

Result<> remove(const std::string& path) {
  return remove_told(
      path, [](std::string record) { return the_journal()->append(std::move(record)); },
      [&] { append_unasked(record_of_removal(path)); });
}

Result<> remove_for_ever(const std::string& path) {
  return remove_told(
      path, [](std::string record) { return the_journal()->append_at_once(std::move(record)); },
      // Nothing else will ever be recorded of this name, so the record may as well come later.
      [&] {
        lanes().journal.submit({std::move(Batch().removed(path)), [](const Result<>&) {}, {}, nullptr});
      });
}

Result<> rename(const std::string& from, const std::string& to) {
  TRY_VOID(failpoint("durable.publish"));
  auto* const journal = the_journal();
  if (journal != nullptr) {
    TRY_VOID(journal->admit(from));
    TRY_VOID(journal->admit(to));
  }
  TRY_VOID(rename_safely(journal, from, to));
  if (journal == nullptr || !journal->covers(from)) return {};
  std::string record;
  if (journal->covers(to))
    encode_names(record, RecordType::renamed, journal->name_of(from), journal->name_of(to));
  else
    encode_name(record, RecordType::removed, journal->name_of(from));
  append_unasked(std::move(record));
  return {};
}

Result<> settle() {
  auto* const journal = the_journal();
  return journal == nullptr ? Result<>{} : journal->checkpoint();
}

Result<> covers(const std::string& directory) {
  const std::lock_guard lock(early_mutex);
  if (auto* const journal = the_journal()) return journal->cover(directory);
  early_roots.push_back(directory);
  return {};
}

Result<> open_journal(JournalSettings settings) {
  const std::lock_guard lock(early_mutex);
  if (the_journal() != nullptr) return {};
  const auto directory = settings.directory;
  TRY(auto journal, Journal::open(std::move(settings), early_roots));
  TRY(run, load_run(directory));
  journal_of_process.store(journal.release(), std::memory_order_release);
  return {};
}

Result<> retire_journal(JournalSettings settings) {
  TRY(const bool there, is_there(settings.directory));
  if (!there) return {};
  const auto directory = settings.directory;
  TRY(const auto journal, Journal::open(std::move(settings), {}));
  TRY(run, load_run(directory));
  return journal->checkpoint();
}

std::string run_id() {
  return run + boot_id();
}

void leave_journal() {
  if (auto* const journal = the_journal()) journal->leave();
}

Counters counters() {
  auto sum = lanes().disk.counters();
  const auto journaled = lanes().journal.counters();
  sum.passes += journaled.passes;
  sum.batches += journaled.batches;
  return sum;
}

}  // namespace waxwing::durable
