// Opening the journal, and what is decided once a process.
#include "common/base/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/failpoint.h"
#include "common/base/file_system.h"
#include "common/base/is_there.h"
#include "common/base/journal_aside.h"
#include "common/base/journal_mark.h"
#include "common/base/journal_order.h"
#include "common/base/journal_others.h"
#include "common/base/journal_reader.h"
#include "common/base/journal_record.h"
#include "common/base/journal_replay.h"
#include "common/base/journal_run.h"
#include "common/base/journal_start.h"
#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/time.h"

namespace waxwing::durable {

namespace {
constexpr int kTries = 500;
constexpr useconds_t kPauseUs = 10000;

std::string relative_to(const std::string& root, std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/')
    path.remove_prefix(root.size() + 1);
  return std::string(path);
}

Result<> make_directory(const std::string& directory) {
  if (file_exists(directory)) return {};
  TRY_VOID(make_directories(directory));
  const auto parent = parent_directory(directory);
  TRY(const auto made, open_file(directory, O_RDONLY | O_DIRECTORY));
  TRY_VOID(give_to_owner_of(parent, made.get()));
  return sync_names(parent);
}

// What set_up found and decided, for the new control block.
struct Start {
  Checkpoint checkpoint;
  unsigned slots = 0;
  std::uint32_t noted_ms = 0;
  std::uint64_t key = 0;
  std::vector<KnownRoot> roots;
};

void fill(ControlBlock& control, const void* data) {
  const auto& start = *static_cast<const Start*>(data);
  control.segment_bytes = start.checkpoint.segment_bytes;
  control.ends[0] = {start.checkpoint.lsn, start.checkpoint.chain};
  control.synced = control.checkpointed = control.told_synced = control.noted = start.checkpoint.lsn;
  control.key = start.key;
  control.checkpoint_serial = start.checkpoint.serial;
  control.slots = start.slots;
  control.slot_segment[0] = start.checkpoint.lsn / start.checkpoint.segment_bytes;
  control.noted_ms = start.noted_ms;
  for (const auto& root : start.roots)
    root.name.copy(control.roots[control.root_count++], kMostRootBytes - 1);
}

void say(const JournalSettings& settings, const char* name, const JournalSettings::Fields& fields,
         bool error) {
  if (settings.report) settings.report(name, fields, error);
}

// Roots named by the file and by who opens, each once.
Result<std::vector<KnownRoot>> known_roots(const JournalSettings& settings,
                                           const std::vector<std::string>& roots) {
  std::vector<KnownRoot> known;
  if (auto stored = load_roots(settings.directory))
    known = std::move(*stored);
  else if (stored.error().fault == Fault::temporary)
    return stored;  // the disk, not what stands there: without them records would be passed over
  else
    say(settings, "journal.damaged", {{"error", stored.error().text}}, true);
  for (const auto& root : roots)
    if (const auto name = relative_to(settings.root, root);
        std::ranges::find(known, name, &KnownRoot::name) == known.end())
      known.push_back({name, {}});
  if (known.size() > kMostRoots) return permanent("the journal cannot cover more than 64 directories");
  for (const auto& [name, mark] : known)
    if (!is_plain_path(name) || name.size() >= kMostRootBytes)
      return permanent("the journal cannot cover the directory '" + name + "'");
  return known;
}

// Where the log begins on disk. Nothing: there is no log yet.
Result<std::optional<Checkpoint>> find_start(const JournalSettings& settings) {
  auto found = load_checkpoint(settings.directory);
  if (found && *found) return found;
  if (!found && found.error().fault == Fault::temporary) return found;
  struct stat status {};
  const auto first = SegmentFiles(settings.directory, settings.segment_bytes).path_of(0);
  if (::stat(first.c_str(), &status) != 0) {
    if (errno == ENOENT) return std::optional<Checkpoint>();
    return std::unexpected(system_error("cannot stat " + first, errno));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size < kLeastSegmentBytes || size > kMostSegmentBytes)
    return permanent(first + " is damaged: it has not the size of a segment");
  // Without a checkpoint everything that is left is done again: more than needed, with the same outcome.
  const auto why = found ? checkpoint_path(settings.directory) + " is missing" : found.error().text;
  say(settings, "journal.damaged", {{"error", why}, {"action", "all segments are replayed"}}, true);
  SegmentFiles files(settings.directory, size);
  TRY(const auto oldest, JournalReader(files).oldest());
  if (!oldest) return Checkpoint{0, size, size + kSegmentHeaderBytes, 0};
  return Checkpoint{0, size, oldest->number * size + kSegmentHeaderBytes, oldest->chain};
}

// A directory that is covered must not be lost with what the journal says of it, and below the instance root
// it can be made here; elsewhere it may be where a file system is yet to be mounted.
Result<> make_root_durable(const JournalSettings& settings, const std::string& name) {
  if (name.starts_with('/')) {
    TRY(const bool there, is_there(name));
    return there ? sync_names(name) : Result<>{};
  }
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = name.find('/', slash + 1);
    TRY_VOID(make_directory(settings.root + "/" + name.substr(0, slash)));
  }
  return sync_names(settings.root);
}

std::string path_of(const JournalSettings& settings, const std::string& name) {
  return name.starts_with('/') ? name : settings.root + "/" + name;
}

bool keeps_order(const std::string& path) {
  return file_system_of(path).names == FileSystem::Names::in_order;
}

// A directory that is away now is no reason not to begin: as long as the journal holds nothing of it nothing can be
// lost, and admit() lets nothing in.
void mark_if_there(const JournalSettings& settings, KnownRoot& root) {
  const auto path = path_of(settings, root.name);
  if (const auto there = is_there(path); there && !*there) return;
  const auto damaged = has_damaged_mark(path);
  auto marked = mark_root(path, root.mark, MarkEmpty::no);
  if (!marked)
    return say(settings, "journal.root.away", {{"directory", path}, {"error", marked.error().text}}, true);
  root.mark = std::move(*marked);
  if (damaged.value_or(false)) say(settings, "journal.root.mended", {{"directory", path}}, true);
}

// Those that the log speaks of must be there, or its records would be taken for those of something deleted.
Result<> recognise_roots(const JournalSettings& settings, JournalReader& reader,
                         std::vector<KnownRoot> roots) {
  const auto check = [&](std::string_view path) -> Result<> {
    const auto of_it = [&](const KnownRoot& root) {
      return path.size() > root.name.size() && path.starts_with(root.name) && path[root.name.size()] == '/';
    };
    for (const auto& root : roots)
      if (of_it(root)) TRY_VOID(recognise_root(path_of(settings, root.name), root.mark));
    std::erase_if(roots, of_it);
    return {};
  };
  while (!roots.empty()) {
    TRY(const auto record, reader.next());
    if (!record) break;
    TRY_VOID(check(record->path));
    TRY_VOID(check(record->to));
  }
  return {};
}

Result<> sync_roots(const JournalSettings& settings, const std::vector<KnownRoot>& roots) {
  for (const auto& root : roots) {
    const auto path = path_of(settings, root.name);
    TRY(const bool there, is_there(path));
    if (!there) continue;
    TRY(const auto fd, open_file(path, O_RDONLY | O_DIRECTORY));
    TRY_VOID(failpoint("journal.checkpoint"));
    if (::syncfs(fd.get()) != 0) return std::unexpected(system_error("cannot sync " + path, errno));
  }
  return {};
}

// Pieces of the log that had been promised and cannot be read: named, and kept.
void tell_holes(const JournalSettings& settings, JournalReader& reader) {
  for (const auto& hole : reader.holes()) {
    const auto kept = set_aside(settings.directory, reader, hole);
    say(settings, "journal.lost",
        {{"lsn", std::to_string(hole.from)},
         {"bytes", std::to_string(hole.to - hole.from)},
         {"record", reader.tell(hole)},
         {"kept", kept ? *kept : kept.error().text},
         {"action",
          "the disk has damaged what was acknowledged; all before and behind it is replayed: look for errors "
          "of the disk, and run reconstruct -m and reconstruct -r -f, see journal(5)"}},
        true);
  }
}

// Replays what is there and answers the first number that no segment has had.
Result<std::uint64_t> replay_all(const JournalSettings& settings, SegmentFiles& files,
                                 const Checkpoint& checkpoint, const std::vector<KnownRoot>& roots) {
  JournalReader reader(files, checkpoint.key);
  reader.start(checkpoint.lsn, checkpoint.chain);
  TRY_VOID(recognise_roots(settings, reader, roots));
  reader.start(checkpoint.lsn, checkpoint.chain);
  std::vector<std::string> names;
  for (const auto& root : roots) names.push_back(root.name);
  TRY(const auto done, replay(reader, settings.root, names));
  TRY_VOID(sync_roots(settings, roots));
  if (reader.goes_on_behind())
    say(settings, "journal.hole",
        {{"lsn", std::to_string(reader.lsn())},
         {"record", reader.tell({reader.lsn(), reader.lsn(), reader.chain()})},
         {"action",
          "what stands behind it is not replayed: it was never acknowledged if only the power failed, "
          "but look for errors of the disk"}},
        true);
  tell_holes(settings, reader);
  // Before the checkpoint: a second replay may find all of it done.
  if (done.records > 0) TRY_VOID(begin_run(settings.directory));
  if (done.records > 0)
    say(settings, "journal.replayed",
        {{"records", std::to_string(done.records)},
         {"done", std::to_string(done.done)},
         {"skipped", std::to_string(done.skipped)},
         {"refused", std::to_string(done.refused)}},
        done.refused > 0);
  return std::max(reader.last_segment(), reader.lsn() / files.segment_bytes()) + 1;
}
// All files are there and whole. What was in one that is not has been replayed as far as it could be read.
Result<> make_segments(const JournalSettings& settings, SegmentFiles& files, unsigned count, bool had_log) {
  for (unsigned slot = 0; slot < count; ++slot) {
    TRY(const bool whole, files.is_whole(slot));
    if (whole) continue;
    if (had_log)
      say(settings, "journal.damaged",
          {{"error", files.path_of(slot) + " is gone, cut short, or has lost its header"},
           {"action",
            "what could be read of it is replayed, and it is made anew; look for errors of the disk"}},
          true);
    TRY_VOID(files.create(slot));
  }
  return {};
}
}  // namespace

Result<Control> Journal::set_up(const JournalSettings& settings, int lock_fd,
                                const std::vector<std::string>& roots) {
  TRY_VOID(failpoint("journal.open"));
  Start start;
  TRY(start.roots, known_roots(settings, roots));
  TRY(const auto found, find_start(settings));
  const auto size = found ? found->segment_bytes
                          : std::clamp(settings.segment_bytes & ~std::uint64_t{4095}, kLeastSegmentBytes,
                                       kMostSegmentBytes);
  SegmentFiles files(settings.directory, size);
  std::uint64_t number = 1;
  if (found) {
    TRY(number, replay_all(settings, files, *found, start.roots));
  }
  for (auto& root : start.roots) {
    TRY_VOID(make_root_durable(settings, root.name));
    mark_if_there(settings, root);
  }
  TRY_VOID(store_roots(settings.directory, start.roots));
  start.key = random_u64() | 1;
  // The checkpoint first: what is written to the files from here on takes the place of a log that counts until then.
  start.checkpoint = {found ? found->serial + 1 : 1, size, number * size + kSegmentHeaderBytes, random_u64(),
                      start.key};
  TRY_VOID(store_checkpoint(settings.directory, start.checkpoint));
  TRY(const auto count, files.count());
  start.slots = std::max(count, 2U);
  TRY_VOID(make_segments(settings, files, start.slots, found.has_value()));
  TRY_VOID(files.write_header(0, {size, number, start.checkpoint.chain, 0, start.key}));
  start.noted_ms = static_cast<std::uint32_t>(wall_ms());
  return Control::create(settings.control, lock_fd, fill, &start);
}

namespace {
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

std::string_view Journal::name_of(std::string_view path) const {
  const auto& root = settings_.root;
  if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/')
    path.remove_prefix(root.size() + 1);
  return path;
}

const Journal::Root* Journal::root_of(const std::string& path) const {
  const auto found = std::ranges::find_if(roots_, [&](const Root& root) {
    const auto& above = root.path;
    return path.size() > above.size() + 1 && path.starts_with(above) && path[above.size()] == '/';
  });
  return found == roots_.end() ? nullptr : &*found;
}

bool Journal::covers(const std::string& path) const {
  if (!path.starts_with('/') || !is_plain_path(path)) return false;
  const std::shared_lock lock(roots_mutex_);
  return root_of(path) != nullptr;
}

Result<bool> Journal::mark(const std::string& name, MarkEmpty empty) const {
  const auto path = path_of(settings_, name);
  TRY(auto roots, load_roots(settings_.directory));
  auto known = std::ranges::find(roots, name, &KnownRoot::name);
  if (known == roots.end()) known = roots.insert(roots.end(), {name, {}});
  TRY_VOID(recognise_root(path, known->mark));
  if (!known->mark.empty()) return true;
  TRY(const bool there, is_there(path));
  if (!there) return false;
  TRY(known->mark, mark_root(path, {}, empty));
  if (known->mark.empty()) return false;
  TRY_VOID(store_roots(settings_.directory, roots));
  return true;
}

Result<> Journal::admit(const std::string& path) {
  if (unmarked_ == 0) return {};
  std::string root_path;
  {
    const std::shared_lock lock(roots_mutex_);
    const auto* const root = root_of(path);
    if (root == nullptr || root->marked) return {};
    root_path = root->path;
  }
  {
    const RobustLock lock(control_->checkpoint);
    TRY(const bool marked, mark(relative_to(settings_.root, root_path), MarkEmpty::yes));
    if (!marked) return temporary(root_path + " is missing: mount its file system; see journal(5)");
  }
  const std::lock_guard lock(roots_mutex_);
  const auto root = std::ranges::find(roots_, root_path, &Root::path);
  if (std::exchange(root->marked, true)) return {};
  in_no_order_ += !keeps_order(root_path);
  --unmarked_;
  return {};
}

Result<> Journal::cover(const std::string& directory) {
  const auto name = relative_to(settings_.root, directory);
  if (!directory.starts_with('/') || !is_plain_path(name) || name.size() >= kMostRootBytes)
    return permanent("the journal cannot cover the directory '" + directory + "'");
  bool marked = false;
  {
    const RobustLock lock(control_->checkpoint);
    const auto count = control_->root_count.load();
    std::vector<std::string> names;
    for (std::uint32_t n = 0; n < count; ++n) names.emplace_back(control_->roots[n]);
    if (std::ranges::find(names, name) == names.end()) {
      if (count == kMostRoots) return permanent("the journal cannot cover more than 64 directories");
      names.push_back(name);
      TRY_VOID(make_root_durable(settings_, name));
      // Replay must know of it before anything is appended.
      TRY(const auto stored, load_roots(settings_.directory));  // damaged: its marks must not be forgotten
      std::vector<KnownRoot> roots;
      for (const auto& each : names) {
        const auto known = std::ranges::find(stored, each, &KnownRoot::name);
        roots.push_back({each, known == stored.end() ? "" : known->mark});
      }
      TRY_VOID(store_roots(settings_.directory, roots));
      std::memset(control_->roots[count], 0, kMostRootBytes);
      name.copy(control_->roots[count], kMostRootBytes - 1);
      control_->root_count = count + 1;
    }
    marked = mark(name, MarkEmpty::no).value_or(false);  // else admit() says why
  }
  const std::lock_guard lock(roots_mutex_);
  auto path = path_of(settings_, name);
  if (std::ranges::find(roots_, path, &Root::path) != roots_.end()) return {};
  in_no_order_ += marked && !keeps_order(path);
  roots_.push_back({std::move(path), marked});
  if (!marked) ++unmarked_;
  return {};
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
    ::unlink(settings_.control.c_str());
    return;
  }
}

void Journal::report(const char* name, const JournalSettings::Fields& fields, bool error) const {
  say(settings_, name, fields, error);
}

}  // namespace waxwing::durable
