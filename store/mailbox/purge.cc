// The purge: expunged records leave the index, their files go.
//
// The new index is written and made durable under the mailbox's lock: the one place where writers of this
// mailbox wait for somebody's disk. Readers go on with the old mapping.
#include <unistd.h>

#include <algorithm>

#include "common/base/failpoint.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"
#include "store/mailbox/next_index.h"

namespace waxwing::store {

namespace {
bool is_due(const Moving& moving, std::int64_t until) {
  return moving.flags & kVoid || (moving.flags & kExpunged && moving.expunged_at <= until);
}
}  // namespace

Result<bool> MailboxFiles::purge(std::int64_t until) {
  const auto names = keywords();
  TRY(auto locked, lock());
  auto& writer = *locked.writer;
  if (writer.header().dead_count == 0) return true;
  if (writer.reservations()) return false;
  const auto& header = writer.header();
  NextIndex next(directory(), {.mailbox_id = header.mailbox_id,
                               .uidvalidity = header.uidvalidity,
                               .generation = header.generation + 1,
                               .created = header.created});
  std::vector<PurgedMessage> purged;
  for (std::uint32_t slot = 0; slot < header.count; ++slot) {
    const auto& record = writer.map().record(slot);
    const auto moving = read_moving(record);
    if (is_due(moving, until)) {
      purged.push_back({record.uid, moving.modseq, record.email_id});
      continue;
    }
    std::shared_ptr<const void> keep;
    const auto entry = locked.generation.cache->entry(record.cache_offset, record.email_id, keep);
    next.add(record, entry.value_or(std::string_view()));
  }
  if (purged.empty()) return true;
  next.keywords = names;
  next.next_uid = header.next_uid;
  next.recent_uid = header.recent_uid;
  next.highestmodseq = header.highestmodseq;
  next.purged_modseq = header.purged_modseq;
  writer.mark(kSuperseded);  // first: a death in between must leave nobody writing to a file without a name
  TRY_VOID(next.publish(purged));
  locked.writer.reset();
  TRY_VOID(failpoint("store.purge.replaced"));
  for (const auto& message : purged) (void)durable::remove(message_path(directory(), message.uid));
  ::unlink(cache_path(directory(), locked.generation.index->header().generation).c_str());
  return true;
}

bool MailboxFiles::has_dead() const {
  const auto generation = this->generation();
  return generation && load(generation->index->header().dead_count) != 0;
}

std::optional<UidSet> MailboxFiles::expunged_since(std::uint64_t since) {
  const auto generation = this->generation();
  if (!generation || since < load(generation->index->header().purged_modseq)) return {};
  const auto purged = read_purged(directory());
  if (!purged) return {};
  std::vector<std::uint32_t> uids;
  for (const auto& message : *purged)
    if (message.modseq > since) uids.push_back(message.uid);
  const auto count = load(generation->index->header().count);
  auto map = generation->index->map(count);
  for (const auto slot : generation->index->dead_slots(map, count)) {
    const auto& record = map->record(slot);
    const auto moving = read_moving(record);
    if (moving.flags & kExpunged && moving.modseq > since) uids.push_back(record.uid);
  }
  std::sort(uids.begin(), uids.end());
  UidSet set;
  for (const auto uid : uids)
    if (set.empty() || set.back().last < uid) add_uid(set, uid);
  return set;
}

}  // namespace waxwing::store
