// Flags, expunge, copy.
#include <algorithm>

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "store/mailbox/index_ranges.h"

namespace waxwing::store {

namespace {
// Live slots of the set, ascending.
template <class Visit>
void each_slot(const IndexMap& map, std::uint32_t count, const UidSet& uids, Visit visit) {
  for (const auto& range : uids)
    for (auto slot = slot_from(map, count, range.first); slot < count && map.record(slot).uid <= range.last;
         ++slot)
      if ((load(map.record(slot).flags) & kDead) == 0) visit(slot);
}

struct FlagValues {
  std::uint32_t flags;
  KeywordSet keywords;
  friend bool operator==(const FlagValues&, const FlagValues&) = default;
};

FlagValues apply(const FlagChange& change, const KeywordSet& named, const Moving& now) {
  FlagValues values{now.flags & kSystemFlags, now.keywords};
  const auto flags = change.flags & kSystemFlags;
  switch (change.how) {
    case FlagChange::How::replace:
      return {flags, named};
    case FlagChange::How::add:
      values.flags |= flags;
      for (int n = 0; n < 2; ++n) values.keywords.bits[n] |= named.bits[n];
      break;
    case FlagChange::How::remove:
      values.flags &= ~flags;
      for (int n = 0; n < 2; ++n) values.keywords.bits[n] &= ~named.bits[n];
      break;
  }
  return values;
}
}  // namespace

Result<FlagResult> MailboxFiles::store_flags(const UidSet& uids, const FlagChange& change) {
  FlagResult result;
  TRY(auto locked, lock_for(change.keywords));
  auto& writer = *locked.writer;
  KeywordSet named;
  for (const auto& name : change.keywords) {
    TRY(const auto bit, writer.keyword(name));
    named.set(bit);
  }
  std::vector<std::uint32_t> slots;
  auto keywords = keywords_in(named);
  each_slot(writer.map(), writer.count(), uids, [&](std::uint32_t slot) {
    const auto& record = writer.map().record(slot);
    const auto now = read_moving(record);
    if (change.unchanged_since && now.modseq > *change.unchanged_since)
      return add_uid(result.modified, record.uid);
    const auto values = apply(change, named, now);
    if (values == FlagValues{now.flags & kSystemFlags, now.keywords}) return;
    if (result.modseq == 0) result.modseq = writer.draw_modseq();
    writer.change(slot, values.flags, values.keywords, result.modseq);
    slots.push_back(slot);
    keywords = std::max(keywords, keywords_in(values.keywords));
    add_uid(result.changed, record.uid);
  });
  locked.writer.reset();
  TRY_VOID(failpoint("store.flags.changed"));
  if (result.changed.empty() && change.keywords.empty()) return result;
  TRY_VOID(commit_records(locked.generation.index, slots, keywords));
  if (!result.changed.empty())
    tell(EventKind::flags_changed, result.changed.front().first, result.changed.back().last, result.modseq);
  return result;
}

void MailboxFiles::Gone::add(Index::Writer& writer, std::uint32_t slot) {
  const auto& record = writer.map().record(slot);
  if (modseq == 0) modseq = writer.draw_modseq();
  writer.expunge(slot, modseq);
  add_uid(uids, record.uid);
  slots.push_back(slot);
  freed.bytes += static_cast<std::int64_t>(record.size);
  freed.messages += 1;
}

Result<> MailboxFiles::commit_expunge(const Generation& generation, const Gone& gone) {
  if (gone.uids.empty()) return {};
  TRY_VOID(failpoint("store.expunge.marked"));
  TRY_VOID(commit_records(generation.index, gone.slots, 0));
  tell(EventKind::expunged, gone.uids.front().first, gone.uids.back().last, gone.modseq);
  return {};
}

Result<UidSet> MailboxFiles::expunge(const UidSet& uids, bool only_deleted) {
  Gone gone;
  TRY(auto locked, lock());
  auto& writer = *locked.writer;
  each_slot(writer.map(), writer.count(), uids, [&](std::uint32_t slot) {
    if (only_deleted && (load(writer.map().record(slot).flags) & kDeleted) == 0) return;
    gone.add(writer, slot);
  });
  account_->add_usage(-gone.freed.bytes, -gone.freed.messages);
  locked.writer.reset();
  TRY_VOID(commit_expunge(locked.generation, gone));
  return gone.uids;
}

// The messages of the set as they would be delivered elsewhere.
Result<std::vector<Incoming>> MailboxFiles::pick(const UidSet& uids,
                                                 std::vector<std::uint32_t>& found) const {
  TRY(const auto generation, this->generation());
  const auto names = keywords();
  const auto count = load(generation.index->header().count);
  const auto map = generation.index->map(count);
  std::vector<Incoming> messages;
  const auto now = wall_seconds();
  Result<> proven;
  each_slot(*map, count, uids, [&](std::uint32_t slot) {
    const auto& record = map->record(slot);
    if (proven) proven = prove(record);
    const auto moving = read_moving(record);
    Incoming message;
    message.file = message_path(entry_.directory, record.uid);
    auto& copy = message.record;
    copy.internal_date = record.internal_date;
    copy.zone_minutes = record.zone_minutes;
    copy.save_date = now;
    copy.size = record.size;
    copy.email_id = record.email_id;
    copy.thread_id = record.thread_id;
    copy.header_size = record.header_size;
    copy.flags = moving.flags & kSystemFlags;
    for (std::size_t n = 0; n < names.size(); ++n)
      if (moving.keywords.has(n)) message.keywords.push_back(names[n]);
    std::shared_ptr<const void> keep;
    if (const auto entry = generation.cache->entry(load(record.cache_offset), record.email_id, keep))
      message.cache_entry = std::make_shared<const std::string>(*entry);
    found.push_back(record.uid);
    messages.push_back(std::move(message));
  });
  TRY_VOID(proven);
  return messages;
}

Result<Copied> MailboxFiles::copy(const UidSet& uids, Mailbox& target, QuotaLimit limit) {
  auto* const to = dynamic_cast<MailboxFiles*>(&target);
  if (to == nullptr) return bug("copy into a mailbox of another kind");
  Copied copied;
  copied.uidvalidity = to->entry().uidvalidity;
  TRY(auto messages, pick(uids, copied.from));
  if (messages.empty()) return copied;
  TRY(auto landing, to->land(messages, limit));
  durable::Batch batch;
  landing.add_to(batch);
  TRY_VOID(durable::commit(std::move(batch)));
  copied.uidvalidity = landing.uidvalidity();
  copied.to = landing.uids();
  TRY_VOID(landing.publish());
  landing.wait_until_shown();
  return copied;
}

}  // namespace waxwing::store
