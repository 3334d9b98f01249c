#include "store/mailbox/next_index.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/spool/bytes.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"

namespace waxwing::store {

// store.exp: "WxPurge\n", u32 version, u32 0; then per message u32 uid, u32 checksum, u64 modseq, and u64 email id, which
// version 1 did not have.
namespace {
constexpr std::string_view kPurgedMagic = "WxPurge\n";
constexpr std::uint32_t kPurgedVersion = 2;
constexpr std::size_t kPurgedHead = 16;
constexpr std::size_t kMaxPurged = 65536;

constexpr std::size_t purged_bytes_in(std::uint32_t version) {
  return version == 1 ? 16 : 24;
}

// Of what follows it.
std::uint32_t purged_hash(std::uint32_t uid, std::string_view rest) {
  return static_cast<std::uint32_t>(XXH3_64bits_withSeed(rest.data(), rest.size(), uid));
}

std::string purged_bytes(const std::vector<PurgedMessage>& messages) {
  std::string bytes(kPurgedMagic);
  spool::put_le(bytes, kPurgedVersion);
  spool::put_le<std::uint32_t>(bytes, 0);
  for (const auto& message : messages) {
    std::string rest;
    spool::put_le(rest, message.modseq);
    spool::put_le(rest, message.email_id);
    spool::put_le(bytes, message.uid);
    spool::put_le(bytes, purged_hash(message.uid, rest));
    bytes += rest;
  }
  return bytes;
}
}  // namespace

Result<std::vector<PurgedMessage>> read_purged(const std::string& mailbox_directory) {
  const auto path = mailbox_directory + "/store.exp";
  std::vector<PurgedMessage> messages;
  TRY(const bool there, is_there(path));
  if (!there) return messages;
  TRY(const auto bytes, read_file(path));
  if (bytes.size() < kPurgedHead || !bytes.starts_with(kPurgedMagic))
    return fail_for_now(Code::corrupt,
                        path + " is no list of purged messages: run reconstruct for this mailbox");
  const auto version = spool::get_le<std::uint32_t>(bytes, 8);
  if (version == 0 || version > kPurgedVersion)
    return permanent(path + " has a version this program does not know");
  const auto size = purged_bytes_in(version);
  for (auto at = kPurgedHead; at + size <= bytes.size(); at += size) {
    const auto uid = spool::get_le<std::uint32_t>(bytes, at);
    if (spool::get_le<std::uint32_t>(bytes, at + 4) !=
        purged_hash(uid, std::string_view(bytes).substr(at + 8, size - 8)))
      continue;
    messages.push_back({uid, spool::get_le<std::uint64_t>(bytes, at + 8),
                        version == 1 ? 0 : spool::get_le<std::uint64_t>(bytes, at + 16)});
  }
  return messages;
}

NextIndex::NextIndex(std::string mailbox_directory, NewIndex values)
    : directory_(std::move(mailbox_directory)), values_(std::move(values)) {}

void NextIndex::add(IndexRecord record, std::string_view cache_entry) {
  record.cache_offset = cache_.size();
  cache_ += cache_entry;
  record.version = 0;
  record.dead_link = 0;
  record.landing_size = record.landing_place = 0;  // its neighbours may have gone
  record.fixed_hash = fixed_hash(record);
  record.moving_hash = moving_hash(record);
  if (record.flags & kDead) dead_.push_back(static_cast<std::uint32_t>(records_.size()));
  records_.push_back(record);
}

std::string NextIndex::bytes() {
  values_.capacity =
      static_cast<std::uint32_t>(records_.size() + std::clamp<std::size_t>(records_.size() / 8, 32, 4096));
  auto bytes = empty_index(values_);
  bytes.resize(kRecordsAt + std::size_t{values_.capacity} * kRecordBytes);
  auto& header = *reinterpret_cast<IndexHeader*>(bytes.data());
  // The chain leads from the one that died last to the first.
  std::sort(dead_.begin(), dead_.end(),
            [&](auto a, auto b) { return records_[a].modseq < records_[b].modseq; });
  for (const auto slot : dead_) {
    records_[slot].dead_link = header.dead_head;
    header.dead_head = slot + 1;
  }
  header.dead_count = static_cast<std::uint32_t>(dead_.size());
  header.count = header.tail = header.first_unseen_hint = static_cast<std::uint32_t>(records_.size());
  for (std::uint32_t slot = header.count; slot-- > 0;) {
    const auto& record = records_[slot];
    if (record.flags & kDead) continue;
    header.messages += 1;
    header.bytes += record.size;
    if (record.flags & kDeleted) header.deleted += 1;
    if (record.flags & kSeen) continue;
    header.unseen += 1;
    header.first_unseen_hint = slot;
  }
  header.next_uid = header.public_next_uid = next_uid;
  header.recent_uid = recent_uid;
  header.highestmodseq = highestmodseq;
  header.purged_modseq = purged_modseq;
  header.cache_end = cache_.size();
  for (std::size_t n = 0; n < std::min(keywords.size(), kMaxKeywords); ++n)
    keywords[n].copy(bytes.data() + kKeywordsAt + n * kKeywordBytes, kMaxKeywordBytes);
  header.keyword_count = static_cast<std::uint32_t>(std::min(keywords.size(), kMaxKeywords));
  if (!records_.empty())
    std::memcpy(bytes.data() + kRecordsAt, records_.data(), records_.size() * kRecordBytes);
  return bytes;
}

Result<> NextIndex::publish(const std::vector<PurgedMessage>& purged) {
  auto old = read_purged(directory_);
  auto all = old ? std::move(*old) : std::vector<PurgedMessage>();
  if (!old && code_of(old.error()) != Code::corrupt) return std::unexpected(old.error());
  if (!old) purged_modseq = highestmodseq;
  all.insert(all.end(), purged.begin(), purged.end());
  // A message that is there, again perhaps, did not vanish.
  std::erase_if(all, [this](const PurgedMessage& message) {
    return std::ranges::binary_search(records_, message.uid, {}, &IndexRecord::uid);
  });
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.modseq < b.modseq; });
  if (all.size() > kMaxPurged) {
    const auto drop = all.end() - static_cast<std::ptrdiff_t>(kMaxPurged / 2);
    purged_modseq = std::max(purged_modseq, (drop - 1)->modseq);
    all.erase(all.begin(), drop);
  }
  const auto draft = directory_ + "/store." + unique_id() + ".tmp";
  const auto purged_draft = draft + "x";
  struct Remove {
    const std::string &first, &second;
    ~Remove() { ::unlink(first.c_str()), ::unlink(second.c_str()); }
  } const remove{draft, purged_draft};

  TRY(const auto index_fd, open_file(draft, O_RDWR | O_CREAT | O_EXCL));
  // Whoever opens the new index by its name must not write to it before the commit has ended: the commit's last
  // step tells the journal that what it holds of this name is void.
  TRY_VOID(lock_byte(index_fd.get(), kLockAt));
  TRY_VOID(write_all(index_fd.get(), bytes()));
  TRY(const auto cache_fd, open_file(cache_path(directory_, values_.generation), O_RDWR | O_CREAT | O_TRUNC));
  TRY_VOID(write_all(cache_fd.get(), cache_));
  TRY(const auto purged_fd, open_file(purged_draft, O_RDWR | O_CREAT | O_EXCL));
  TRY_VOID(write_all(purged_fd.get(), purged_bytes(all)));
  TRY_VOID(failpoint("store.next.written"));
  durable::Batch batch;
  batch.file(index_fd.get()).file(purged_fd.get());
  batch.rename(purged_draft, directory_ + "/store.exp").rename(draft, index_path(directory_));
  return durable::commit(std::move(batch));
}

}  // namespace waxwing::store
