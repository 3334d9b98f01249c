#include "common/base/journal_replay.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/journal_redo.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
// What the whole log says of one name: the last lsn of each kind.
struct Fate {
  std::uint64_t standing = 0;
  std::uint64_t since = 0;  // of the last standing
  std::uint64_t content = 0;
  std::uint64_t removed = 0;
  std::uint64_t source = 0;  // something was renamed or linked from it
};

class Replay {
 public:
  Replay(std::string root, const std::vector<std::string>& roots, std::uint64_t begin)
      : root_(std::move(root)), begin_(begin) {
    for (const auto& path : roots) roots_.push_back(full(path));
  }

  void plan(const JournalRecord& record) {
    const auto lsn = record.lsn + 1;  // so that 0 means never
    switch (record.type) {
      case RecordType::standing:
      case RecordType::stands:
        fate(record.path).standing = lsn;
        fate(record.path).since = record.since + 1;
        break;
      case RecordType::content:
        if (!is_on_disk(record)) fate(record.path).content = lsn;
        break;
      case RecordType::removed:
        fate(record.path).removed = lsn;
        break;
      case RecordType::renamed:
      case RecordType::linked:
        fate(record.path).source = lsn;
        break;
      default:
        break;
    }
  }

  Result<> redo(const JournalRecord& record) {
    TRY_VOID(failpoint("journal.replay"));
    report_.records += 1;
    TRY(const auto outcome, act(record));
    report_.done += outcome == Redo::done;
    report_.skipped += outcome == Redo::skipped || outcome == Redo::refused;
    report_.refused += outcome == Redo::refused;
    return {};
  }

  const ReplayReport& report() const { return report_; }

  // What a replay that died has held, or this one.
  void let_go() {
    held_.clear();
    for (const auto& root : roots_) (void)remove_tree(root + "/" + std::string(kHeld));
  }

 private:
  static constexpr std::string_view kHeld = ".replay.held";

  std::string full(std::string_view path) const {
    return path.starts_with('/') ? std::string(path) : root_ + "/" + std::string(path);
  }
  Fate& fate(std::string_view path) { return fates_[std::string(path)]; }
  // The root that path lies in, below it; empty when there is none.
  std::string root_of(const std::string& path) const {
    for (const auto& root : roots_)
      if (path.size() > root.size() + 1 && path.starts_with(root) && path[root.size()] == '/') return root;
    return {};
  }
  // Was it applied before the checkpoint, and appended behind it? Then changes of it may stand before the log.
  bool is_on_disk(const JournalRecord& content) const { return content.since < begin_; }
  // Was the name synced past the journal later?
  bool is_void(std::string_view path, std::uint64_t lsn) {
    const auto at = fates_.find(path);
    return at != fates_.end() && at->second.standing > lsn + 1;
  }
  // And had that sync not begun when this was recorded?
  bool is_void_since(std::string_view path, std::uint64_t lsn) {
    return is_void(path, lsn) && fates_.find(path)->second.since > lsn + 1;
  }

  Result<Redo> act(const JournalRecord& record) {
    if (record.type == RecordType::synced) return Redo::needless;
    if (!is_plain_path(record.path)) return Redo::refused;
    const auto path = full(record.path);
    if (root_of(path).empty()) return Redo::refused;
    switch (record.type) {
      case RecordType::content:
        return is_on_disk(record) ? Redo::needless : content(record, path);
      case RecordType::renamed:
      case RecordType::linked:
        return names(record, path);
      case RecordType::removed:
        // A link that waited for this name's content goes on waiting: its writer may be late, not gone.
        hidden_.erase(std::string(record.path));
        held_.erase(std::string(record.path));
        return is_void(record.path, record.lsn) ? Redo::skipped : redo_removed(path);
      case RecordType::range:
      case RecordType::aged:
        return range(record, path);
      case RecordType::standing:
      case RecordType::stands:
        return Redo::needless;
      case RecordType::old_content:  // decoded as content
      case RecordType::synced:
        break;
    }
    return Redo::refused;
  }

  Result<Redo> write(const std::string& path, std::string_view bytes) {
    TRY(const auto parent, redo_parent(path, root_of(path)));
    if (parent == Redo::skipped || parent == Redo::refused) return parent;
    return redo_content(path, bytes);
  }

  Result<Redo> content(const JournalRecord& record, const std::string& path) {
    const auto& fate = this->fate(record.path);
    const auto lsn = record.lsn + 1;
    if (fate.standing > lsn) {
      // The name is somebody else's by now, but what was linked from it wants these bytes.
      if (fate.source > lsn) hidden_[std::string(record.path)] = record.bytes;
      return Redo::skipped;
    }
    const auto waiting = waiting_.find(record.path);
    if (fate.removed > lsn && fate.source < lsn && waiting == waiting_.end()) return Redo::skipped;
    TRY(const auto outcome, write(path, record.bytes));
    if (outcome == Redo::skipped && fate.source > lsn) hidden_[std::string(record.path)] = record.bytes;
    TRY_VOID(change_again(record.path, path));
    if (waiting == waiting_.end()) return outcome;
    for (const auto& to : waiting->second) TRY_VOID(link(path, to));
    waiting_.erase(waiting);
    return outcome;
  }

  // Done at once, for its file may be there; and kept for the content that would undo it. Without a guard nobody
  // knows whether it is meant for that.
  Result<Redo> range(const JournalRecord& record, const std::string& path) {
    if (is_void_since(record.path, record.lsn)) return Redo::skipped;
    if (!record.guard.empty() && is_made_after(record)) early_[std::string(record.path)].emplace_back(record);
    return redo_range(path, record);
  }

  Result<> change_again(std::string_view name, const std::string& path) {
    const auto early = early_.find(name);
    if (early == early_.end()) return {};
    for (const auto& kept : early->second) TRY_VOID(redo_range(path, kept.record()));
    early_.erase(early);
    return {};
  }

  Result<Redo> link(const std::string& from, const std::string& to) {
    TRY(const auto parent, redo_parent(to, root_of(to)));
    if (parent == Redo::skipped || parent == Redo::refused) return parent;
    return redo_linked(from, to);
  }

  Result<Redo> names(const JournalRecord& record, const std::string& from) {
    if (!is_plain_path(record.to)) return Redo::refused;
    const auto to = full(record.to);
    if (root_of(to).empty()) return Redo::refused;
    const bool renamed = record.type == RecordType::renamed;
    if (is_void_since(record.to, record.lsn)) return renamed ? redo_removed(from) : Redo::skipped;
    if (const auto hidden = hidden_.find(record.path); hidden != hidden_.end()) {
      const auto bytes = hidden->second;
      if (renamed) hidden_.erase(hidden);
      TRY(const auto outcome, write(to, bytes));
      if (outcome == Redo::skipped && is_source_after(record)) hidden_[std::string(record.to)] = bytes;
      return outcome;
    }
    if (const auto held = held_.find(record.path); held != held_.end()) {
      TRY(const bool there, is_there(from));
      const auto source = held->second;
      if (!there) return pass_on(record, source, to);
    }
    if (renamed) {
      if (is_void_since(record.path, record.lsn)) return Redo::skipped;
      TRY(const auto parent, redo_parent(to, root_of(to)));
      if (parent == Redo::skipped || parent == Redo::refused) return parent;
      return redo_renamed(from, to);
    }
    TRY(const auto outcome, pass_on(record, from, to));
    if (outcome != Redo::skipped) return outcome;
    TRY(const bool there, is_there(from));
    if (!there) waiting_[std::string(record.path)].push_back(to);
    return outcome;
  }

  bool is_made_after(const JournalRecord& record) const {
    const auto at = fates_.find(record.path);
    return at != fates_.end() && at->second.content > record.lsn + 1;
  }
  bool is_source_after(const JournalRecord& record) { return fate(record.to).source > record.lsn + 1; }

  // A link into a directory that was removed later is not made; but when something was linked on from there,
  // as by a copy out of a mailbox before it was deleted, the file is held under a name of ours until then.
  Result<Redo> pass_on(const JournalRecord& record, const std::string& from, const std::string& to) {
    TRY(const auto outcome, link(from, to));
    if (outcome != Redo::skipped || !is_source_after(record)) return outcome;
    TRY(const bool there, is_there(from));
    if (!there) return outcome;
    const auto folder = root_of(to) + "/" + std::string(kHeld);
    const auto held = folder + "/" + std::to_string(record.lsn);
    TRY_VOID(make_directories(folder));
    TRY(const auto holds, redo_linked(from, held));
    if (holds == Redo::done || holds == Redo::needless) held_[std::string(record.to)] = held;
    return outcome;
  }

  // A range that outlives the record it was read from.
  struct Early {
    explicit Early(const JournalRecord& from)
        : offset(from.offset),
          guard_offset(from.guard_offset),
          bytes(from.bytes),
          guard(from.guard),
          ageing(from.ageing) {}
    JournalRecord record() const {
      JournalRecord range;
      range.type = ageing.piece_bytes != 0 ? RecordType::aged : RecordType::range;
      range.ageing = ageing;
      range.offset = offset;
      range.guard_offset = guard_offset;
      range.bytes = bytes;
      range.guard = guard;
      return range;
    }
    std::uint64_t offset, guard_offset;
    std::string bytes, guard;
    Ageing ageing;
  };

  const std::string root_;
  const std::uint64_t begin_;  // of the log
  std::vector<std::string> roots_;
  std::unordered_map<std::string, Fate, TextHash, std::equal_to<>> fates_;
  std::map<std::string, std::string, std::less<>> hidden_;                // name -> bytes it had
  std::map<std::string, std::string, std::less<>> held_;                  // name -> where its file is now
  std::map<std::string, std::vector<std::string>, std::less<>> waiting_;  // name -> links to be made
  std::map<std::string, std::vector<Early>, std::less<>> early_;          // name -> ranges to be done again
  ReplayReport report_;
};
}  // namespace

Result<ReplayReport> replay(JournalReader& reader, const std::string& root,
                            const std::vector<std::string>& roots) {
  Replay replay(root, roots, reader.lsn());
  const auto lsn = reader.lsn(), chain = reader.chain();
  const auto each = [&](auto&& visit) -> Result<> {
    for (;;) {
      TRY(const auto record, reader.next());
      if (!record) return {};
      TRY_VOID(visit(*record));
    }
  };
  TRY_VOID(each([&](const JournalRecord& record) -> Result<> {
    replay.plan(record);
    return {};
  }));
  reader.start(lsn, chain);
  replay.let_go();
  TRY_VOID(each([&](const JournalRecord& record) { return replay.redo(record); }));
  replay.let_go();
  return replay.report();
}

}  // namespace waxwing::durable
