// One user's account file, store.usr: the modseq counter, quota usage, UIDVALIDITY.
//
// Mapped shared by every process; counters are atomic words, so drawing a modseq costs no lock and no
// flush. A power cut must never give a modseq out twice: `modseq_limit` is durable before any modseq up to it
// is drawn, and the first to open the file in a new system run goes on from the limit. Usage is counted
// up and down as it changes; after a power cut, or when a killed writer makes it suspect, it is summed up
// again from the user's indexes. Others deliver, and mend, meanwhile: a sum counts only when usage did not change
// while it was made, and goes in as a difference.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "common/base/file.h"
#include "store/detail/mapping.h"
#include "store/store.h"

namespace waxwing::store {

struct AccountHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t user_bytes;
  std::int64_t created;
  // Of the above and the user name. The same in every version, so that a rotten version is told from a newer.
  std::uint64_t identity_hash;
  std::uint8_t boot_id[16];
  std::uint64_t next_modseq;
  std::uint64_t modseq_limit;
  std::int64_t used_bytes;
  std::int64_t used_messages;
  std::uint32_t last_uidvalidity;
  std::uint32_t suspect;        // usage must be summed up again
  std::uint32_t usage_changes;  // moves on before and behind each change of usage
};
inline constexpr std::size_t kAccountFileBytes = 4096;
inline constexpr std::size_t kAccountUserAt = 512;  // the user's name
inline constexpr std::size_t kMaxUserBytes = 512;

class Account {
 public:
  // Makes directory and file, durable, when they are not there. Safe against others doing the same.
  static Result<> create(const std::string& directory, const std::string& user);
  // Code::corrupt when the file is damaged: reconstruct makes a new one.
  static Result<std::shared_ptr<Account>> open(const std::string& directory);

  const std::string& directory() const { return directory_; }
  const std::string& user() const { return user_; }
  std::uint64_t next_modseq();
  std::uint64_t last_modseq() const;                // the last one drawn
  bool damaged() const { return map_->damaged(); }  // the file was cut short under us
  QuotaUsage usage() const;
  void add_usage(std::int64_t bytes, std::int64_t messages);
  // Counts it in when it fits under the limit, else changes nothing and answers false.
  bool claim(QuotaUsage more, QuotaLimit limit);
  void mark_suspect();
  Result<> sum_up();  // usage from the indexes, now
  // Never one that this account has used. Durable.
  Result<std::uint32_t> next_uidvalidity(std::uint32_t above = 0);
  // Raises the counter, for a rebuilt account.
  void raise_modseq(std::uint64_t above);

 private:
  Account() = default;
  AccountHeader& header() const { return *reinterpret_cast<AccountHeader*>(map_->data()); }
  Result<> after_power_cut();
  Result<QuotaUsage> sum_of_indexes() const;
  Result<> raise_limit(std::uint64_t drawn);

  std::string directory_;
  std::string user_;
  UniqueFd fd_;
  std::shared_ptr<Mapping> map_;
};

}  // namespace waxwing::store
