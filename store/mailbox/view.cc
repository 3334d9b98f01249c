// A session's view: sequence numbers over the slots of an index.
//
// Visible are the slots [0, count_) but for those in dead_ (sorted). A message that others expunged goes to
// pending_ when sync() meets it, and to dead_ when the client may be told. The index's ring says which
// slots changed since the last sync; when it has gone round, one pass over the records by modseq finds them.
//
// After a purge the view stays on the old generation's mapping until it may tell of expunges; then it
// takes its place in the new one by UIDs.
#include <algorithm>

#include "store/mailbox/files.h"

namespace waxwing::store {

namespace {
using Slots = std::vector<std::uint32_t>;

bool holds(const Slots& sorted, std::uint32_t slot) {
  return std::binary_search(sorted.begin(), sorted.end(), slot);
}
void insert(Slots& sorted, std::uint32_t slot) {
  const auto at = std::lower_bound(sorted.begin(), sorted.end(), slot);
  if (at == sorted.end() || *at != slot) sorted.insert(at, slot);
}
std::uint32_t below(const Slots& sorted, std::uint32_t slot) {
  return static_cast<std::uint32_t>(std::lower_bound(sorted.begin(), sorted.end(), slot) - sorted.begin());
}
bool contains(const UidSet& set, std::uint32_t uid) {
  const auto at =
      std::lower_bound(set.begin(), set.end(), uid,
                       [](const UidRange& range, std::uint32_t value) { return range.last < value; });
  return at != set.end() && at->first <= uid;
}
bool is_dead(const IndexRecord& record) {
  return load(record.flags) & kDead;
}

class FilesView final : public View {
 public:
  FilesView(std::shared_ptr<MailboxFiles> mailbox, Generation generation, bool read_write)
      : mailbox_(std::move(mailbox)), generation_(std::move(generation)), read_write_(read_write) {
    const auto& header = generation_.index->header();
    keyword_count_ = load(header.keyword_count);
    uidvalidity_ = header.uidvalidity;
    take_picture();
    note_recent(0, count_);
  }

  std::uint32_t exists() const override { return count_ - static_cast<std::uint32_t>(dead_.size()); }
  std::uint32_t recent() const override { return recent_count_; }
  std::uint32_t uidnext() const override { return uidnext_; }
  std::uint32_t uidvalidity() const override { return uidvalidity_; }
  std::uint64_t highestmodseq() const override { return modseq_; }
  Mailbox& mailbox() const override { return *mailbox_; }
  bool is_recent(std::uint32_t uid) const override { return contains(recent_, uid); }

  MessageInfo message(std::uint32_t sequence) const override {
    return message_info(map_->record(slot(sequence)));
  }
  std::uint32_t uid(std::uint32_t sequence) const override { return map_->record(slot(sequence)).uid; }
  std::uint32_t sequence_of(std::uint32_t uid) const override {
    const auto slot = slot_of(*map_, count_, uid);
    return slot && !holds(dead_, *slot) ? sequence(*slot) : 0;
  }
  std::uint32_t sequence_from(std::uint32_t uid) const override {
    return sequence(slot_from(*map_, count_, uid));
  }
  std::uint32_t first_unseen() const override {
    for (auto slot = std::min(load(map_->header().first_unseen_hint), count_); slot < count_; ++slot)
      if ((load(map_->record(slot).flags) & (kSeen | kDead)) == 0 && !holds(dead_, slot))
        return sequence(slot);
    return 0;
  }
  bool stale() const override {
    const auto& header = map_->header();
    return load(header.count) != count_ || load(header.changes) != changes_seen_ || load(header.state) != 0 ||
           load(header.keyword_count) != keyword_count_ || !pending_.empty() || map_->damaged();
  }
  void leave_out(const UidSet& uids, std::uint64_t modseq) override { silent_.push_back({uids, modseq}); }

  Changes sync(bool allow_expunge) override;

 private:
  std::uint32_t sequence(std::uint32_t slot) const { return slot - below(dead_, slot) + 1; }
  std::uint32_t slot(std::uint32_t sequence) const;
  void take_picture();
  void note_recent(std::uint32_t from, std::uint32_t to);
  Slots changed_slots();
  bool is_silent(const IndexRecord& record) const;
  void take_new(std::uint32_t count, Changes& changes);
  void apply_pending(Changes& changes);
  bool move_to_new_generation(Changes& changes, Slots& changed);
  void forget_recent(std::uint32_t uid);

  std::shared_ptr<MailboxFiles> mailbox_;
  Generation generation_;
  std::shared_ptr<IndexMap> map_;
  std::uint32_t uidvalidity_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t uidnext_ = 1;
  std::uint64_t modseq_ = 1;
  std::uint64_t changes_seen_ = 0;
  Slots dead_;
  Slots pending_;
  UidSet recent_;
  std::uint32_t recent_count_ = 0;
  std::uint32_t keyword_count_ = 0;
  bool read_write_;
  struct Silent {
    UidSet uids;
    std::uint64_t modseq;
  };
  std::vector<Silent> silent_;
};

// The n-th slot that is not dead: with i dead ones before it, it is n + i.
std::uint32_t FilesView::slot(std::uint32_t sequence) const {
  const auto wanted = sequence - 1;
  std::uint32_t low = 0, high = static_cast<std::uint32_t>(dead_.size());
  while (low < high) {
    const auto middle = low + (high - low) / 2;
    if (dead_[middle] - middle <= wanted)
      low = middle + 1;
    else
      high = middle;
  }
  return wanted + low;
}

// The mailbox as it is now. What dies while we look is met again in the ring, and is known already.
void FilesView::take_picture() {
  const auto& header = generation_.index->header();
  modseq_ = load(header.highestmodseq);
  changes_seen_ = load(header.changes);
  count_ = load(header.count);
  map_ = generation_.index->map(count_);
  uidnext_ = count_ == 0 ? load(header.public_next_uid)
                         : std::max(map_->record(count_ - 1).uid + 1, load(header.public_next_uid));
  dead_ = generation_.index->dead_slots(map_, count_);
  std::erase_if(dead_, [this](std::uint32_t slot) { return slot >= count_; });
  std::sort(dead_.begin(), dead_.end());
}

// A session that selects takes \Recent for itself; one that examines only looks.
void FilesView::note_recent(std::uint32_t from, std::uint32_t to) {
  auto claimed = std::atomic_ref(map_->header().recent_uid);
  auto before = claimed.load();
  if (to > 0 && read_write_) {
    const auto last = map_->record(to - 1).uid;
    while (before < last && !claimed.compare_exchange_weak(before, last)) {
    }
  }
  for (auto slot = std::max(from, slot_from(*map_, to, before + 1)); slot < to; ++slot) {
    if (holds(dead_, slot)) continue;
    add_uid(recent_, map_->record(slot).uid);
    recent_count_ += 1;
  }
}

void FilesView::forget_recent(std::uint32_t uid) {
  if (is_recent(uid)) recent_count_ -= 1;
}

// Slots below count_ that changed since the last sync, ascending, each once.
Slots FilesView::changed_slots() {
  const auto& header = map_->header();
  const auto since = modseq_;
  modseq_ = load(header.highestmodseq);
  const auto now = load(header.changes);
  Slots slots;
  for (auto n = changes_seen_; n < now && now - changes_seen_ < kRingSlots; ++n)
    slots.push_back(load(map_->ring(n)));
  std::atomic_thread_fence(std::memory_order_acquire);
  if (load(header.changes) - changes_seen_ >= kRingSlots) {
    slots.clear();
    for (std::uint32_t slot = 0; slot < count_; ++slot)
      if (load(map_->record(slot).modseq) >= since) slots.push_back(slot);
  }
  changes_seen_ = now;
  std::erase_if(slots, [&](std::uint32_t slot) { return slot >= count_; });
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  return slots;
}

bool FilesView::is_silent(const IndexRecord& record) const {
  return std::any_of(silent_.begin(), silent_.end(), [&](const Silent& silent) {
    return load(record.modseq) <= silent.modseq && contains(silent.uids, record.uid);
  });
}

void FilesView::take_new(std::uint32_t count, Changes& changes) {
  const auto before = count_;
  const auto had = exists();
  if (count > map_->slots()) map_ = generation_.index->map(count);
  for (auto slot = before; slot < count; ++slot)
    if (is_dead(map_->record(slot))) dead_.push_back(slot);
  count_ = count;
  uidnext_ = std::max(uidnext_, load(map_->header().public_next_uid));
  if (count > before) note_recent(before, count);
  changes.new_messages = exists() > had;
}

void FilesView::apply_pending(Changes& changes) {
  for (auto at = pending_.rbegin(); at != pending_.rend(); ++at) changes.expunged.push_back(sequence(*at));
  for (const auto slot : pending_) {
    add_uid(changes.vanished, map_->record(slot).uid);
    forget_recent(map_->record(slot).uid);
  }
  Slots merged;
  merged.reserve(dead_.size() + pending_.size());
  std::merge(dead_.begin(), dead_.end(), pending_.begin(), pending_.end(), std::back_inserter(merged));
  dead_ = std::move(merged);
  pending_.clear();
}

// Answers whether there was a new generation to move to.
bool FilesView::move_to_new_generation(Changes& changes, Slots& changed) {
  auto next = mailbox_->generation();
  if (!next || next->index == generation_.index) return false;
  if (next->index->header().uidvalidity != uidvalidity_) {
    changes.deleted = true;  // what the client knows by its UIDs may be other messages
    return false;
  }
  const auto old_map = map_;
  const auto old_count = count_;
  const auto old_dead = std::move(dead_);
  const auto old_modseq = modseq_;
  const auto old_exists = old_count - static_cast<std::uint32_t>(old_dead.size());
  generation_ = std::move(*next);
  take_picture();
  Slots gone;  // UIDs, descending
  for (auto slot = old_count; slot-- > 0;) {
    if (holds(old_dead, slot)) continue;
    const auto uid = old_map->record(slot).uid;
    const auto now = slot_of(*map_, count_, uid);
    if (now && !holds(dead_, *now)) {
      if (load(map_->record(*now).modseq) > old_modseq) changed.push_back(*now);
      continue;
    }
    changes.expunged.push_back(slot - below(old_dead, slot) + 1);
    gone.push_back(uid);
    forget_recent(uid);
  }
  for (auto uid = gone.rbegin(); uid != gone.rend(); ++uid) add_uid(changes.vanished, *uid);
  std::reverse(changed.begin(), changed.end());
  const auto last_uid = old_count == 0 ? 0 : old_map->record(old_count - 1).uid;
  note_recent(slot_from(*map_, count_, last_uid + 1), count_);
  changes.new_messages = exists() > old_exists - changes.expunged.size();
  pending_.clear();
  return true;
}

Changes FilesView::sync(bool allow_expunge) {
  Changes changes;
  Slots changed;
  const auto state = load(map_->header().state);
  changes.deleted = state & kMailboxGone || map_->damaged();  // nothing it answers can be trusted
  const bool moved = (state & kSuperseded) && allow_expunge && move_to_new_generation(changes, changed);
  if (!moved) {
    changed = changed_slots();
    // Read after the changes: a message in between would be new and changed at once.
    const auto count = load(map_->header().count);
    std::erase_if(changed, [&](std::uint32_t slot) {
      if (!is_dead(map_->record(slot))) return false;
      if (!holds(dead_, slot)) insert(pending_, slot);
      return true;
    });
    if (allow_expunge) apply_pending(changes);
    take_new(count, changes);
  }
  for (const auto slot : changed)
    if (!is_silent(map_->record(slot))) changes.changed.push_back(sequence(slot));
  silent_.clear();
  const auto keyword_count = load(map_->header().keyword_count);
  changes.keywords_grew = keyword_count != keyword_count_;
  keyword_count_ = keyword_count;
  changes.expunges_waiting = !pending_.empty() || (!moved && (state & kSuperseded));
  changes.exists = exists();
  changes.recent = recent_count_;
  return changes;
}
}  // namespace

std::unique_ptr<View> make_view(std::shared_ptr<MailboxFiles> mailbox, Generation generation,
                                bool read_write) {
  return std::make_unique<FilesView>(std::move(mailbox), std::move(generation), read_write);
}

}  // namespace waxwing::store
