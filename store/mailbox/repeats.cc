#include "store/mailbox/repeats.h"

namespace waxwing::store {

namespace {
constexpr std::size_t kMoreThanNeeded = 65536;

bool is_void(const IndexRecord& record) {
  return load(record.flags) & kVoid;
}
}  // namespace

void Repeats::begin(const std::shared_ptr<Index>& index, std::uint32_t count) {
  of_ = index;
  slots_.clear();
  first_ = end_ = count;
  begin_anew_at_ = 0;
}

void Repeats::know(const IndexRecord& record, std::uint32_t slot) {
  if (record.delivery_hash == 0 || is_void(record)) return;
  auto& known = slots_.try_emplace(record.delivery_hash, slot).first->second;
  known = std::max(known, slot);
}

std::optional<std::uint32_t> Repeats::find(const std::shared_ptr<Index>& index, std::uint64_t delivery_hash,
                                           std::int64_t since) {
  const std::lock_guard lock(mutex_);
  const auto count = load(index->header().count);
  const auto map = index->map(count);
  if (of_.lock() != index || count < end_ || (begin_anew_at_ != 0 && slots_.size() > begin_anew_at_))
    begin(index, count);
  for (; end_ < count; ++end_) know(map->record(end_), end_);
  for (; first_ > 0; --first_) {
    const auto& record = map->record(first_ - 1);
    // Flags lie in another cache line: nearly all records need only one.
    if (record.save_date < since && !is_void(record)) break;
    know(record, first_ - 1);
  }
  if (begin_anew_at_ == 0) begin_anew_at_ = 2 * slots_.size() + kMoreThanNeeded;
  const auto at = slots_.find(delivery_hash);
  if (at == slots_.end()) return {};
  const auto& record = map->record(at->second);
  if (record.delivery_hash != delivery_hash || record.save_date < since || is_void(record)) return {};
  return record.uid;
}

}  // namespace waxwing::store
