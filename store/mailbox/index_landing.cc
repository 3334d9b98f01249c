// Mending what came together: the messages of one append or copy are kept all or none (RFC 9051, 6.3.12, 6.4.7).
//
// Their commit is one batch, but the kernel may have written some of their records by itself, and a log that ends
// in the middle of the batch brings back only its beginning. So each record tells how many there are and which of
// them it is, and a look at its neighbours shows whether all came through.
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
bool is_whole(const IndexRecord& record) {
  return record.uid != 0 && record.fixed_hash == fixed_hash(record);
}
}  // namespace

// publish() takes kReserved away one after the other, in ascending order; what it has begun was committed.
bool Index::Writer::publishing_had_begun(std::uint32_t slot) const {
  const auto& record = map_->record(slot);
  if (record.landing_size < 2 || record.landing_place == 0 || record.landing_place > slot) return false;
  const auto& first = map_->record(slot - record.landing_place);
  return is_whole(first) && first.landing_size == record.landing_size && first.landing_place == 0 &&
         first.uid + record.landing_place == record.uid && (load(first.flags) & (kReserved | kVoid)) == 0;
}

// Of a record that shows the moment of its commit or an earlier one. True: its message is whole as well.
Result<bool> Index::Writer::landing_was_committed(std::uint32_t slot) {
  const auto& record = map_->record(slot);
  if (record.landing_size < 2) return message_is_whole(record);
  const auto place = record.landing_place, size = record.landing_size;
  if (place >= size || place > slot || size > map_->slots() - (slot - place)) return false;
  const auto first = slot - place, uid = record.uid - place;
  if (verdict_.first != first || verdict_.size != size || verdict_.uid != uid) {
    Verdict verdict{first, size, uid, false, true};
    for (std::uint32_t n = 0; n < size && (verdict.all_whole || !verdict.committed); ++n) {
      const auto& other = map_->record(first + n);
      const bool of_it =
          is_whole(other) && other.landing_size == size && other.landing_place == n && other.uid == uid + n;
      const auto moving = read_moving(other);
      const bool there = of_it && (moving.flags & kVoid) == 0;
      if (there && (moving.flags & kReserved) == 0 && moving.modseq != 0) verdict.committed = true;
      if (!verdict.all_whole) continue;
      verdict.all_whole = there;
      if (!there) continue;
      TRY(verdict.all_whole, message_is_whole(other));
    }
    verdict_ = verdict;
  }
  if (verdict_.all_whole) return true;
  if (!verdict_.committed) return false;
  return message_is_whole(record);
}

}  // namespace waxwing::store
