// A whole new index file, written beside the old one and renamed over it: purge and reconstruct.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "store/mailbox/cache.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

// store.exp: what purges took away.
struct PurgedMessage {
  std::uint32_t uid;
  std::uint64_t modseq;
  std::uint64_t email_id = 0;  // 0: not known, by version 1, or no message that was expunged
};
Result<std::vector<PurgedMessage>> read_purged(const std::string& mailbox_directory);

class NextIndex {
 public:
  NextIndex(std::string mailbox_directory, NewIndex values);

  // In the order of UIDs. Expunged ones are chained as dead. cache_entry may be empty: made anew on demand.
  void add(IndexRecord record, std::string_view cache_entry);
  std::size_t size() const { return records_.size(); }

  std::vector<std::string> keywords;
  std::uint32_t next_uid = 1;
  std::uint32_t recent_uid = 0;
  std::uint64_t highestmodseq = 1;
  std::uint64_t purged_modseq = 0;

  // Writes cache and index, makes them durable and puts the index in its place, with store.exp telling of
  // `purged` before it. Until it answers it holds the lock of the new index.
  Result<> publish(const std::vector<PurgedMessage>& purged);

 private:
  std::string bytes();
  std::string directory_;
  NewIndex values_;
  std::vector<IndexRecord> records_;
  std::string cache_;
  std::vector<std::uint32_t> dead_;
};

}  // namespace waxwing::store
