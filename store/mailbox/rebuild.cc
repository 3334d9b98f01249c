#include "store/mailbox/rebuild.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <set>

#include "common/base/durable.h"
#include "common/base/is_there.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"
#include "store/mailbox/message_files.h"
#include "store/mailbox/next_index.h"

namespace waxwing::store {

namespace {
// What is whole of the old index, and its lock, so that nobody writes meanwhile.
class OldIndex {
 public:
  // Error: there is one, and nobody can say now what is in it.
  Result<> open(const std::string& directory) {
    for (;;) {
      TRY(const bool there, is_there(index_path(directory)));
      if (!there) return {};
      map_.reset();  // it would keep the lock of the one before
      TRY(fd_, open_file(index_path(directory), O_RDWR));
      TRY_VOID(lock_byte(fd_.get(), kLockAt));
      TRY_VOID(read());
      if (!header_ || bears_name(fd_.get(), directory)) break;  // else: replaced while we waited
    }
    if (header_)
      if (auto cache = CacheFile::open(cache_path(directory, header_->generation))) cache_ = *cache;
    return {};
  }
  ~OldIndex() {
    if (fd_) unlock_byte(fd_.get(), kLockAt);
  }

  const IndexHeader* header() const { return header_; }
  std::map<std::uint32_t, IndexRecord> records;  // by UID: whole ones that are not void
  std::set<std::uint32_t> underway;              // UIDs reserved by somebody alive
  std::set<std::uint32_t> void_uids;
  bool torn = true;  // some of it is not whole, or there is none

  std::vector<std::string> keywords() const {
    std::vector<std::string> names;
    for (std::size_t n = 0; header_ && n < std::min<std::size_t>(header_->keyword_count, kMaxKeywords); ++n)
      names.emplace_back(map_->keyword(n), ::strnlen(map_->keyword(n), kKeywordBytes));
    return names;
  }
  std::string cache_entry(const IndexRecord& record) const {
    std::shared_ptr<const void> keep;
    const auto entry = cache_ ? cache_->entry(record.cache_offset, record.email_id, keep) : std::nullopt;
    return std::string(entry.value_or(std::string_view()));
  }
  void distrust() {
    records.clear();
    void_uids.clear();
    torn = true;
  }
  // Whoever has it open looks at the name again, also where its start cannot be read.
  void supersede() {
    if (map_) put(map_->header().state, map_->header().state | kSuperseded);
  }
  // The next UID, where that can be read: of two copies, so that a rotten one gives none out twice.
  std::optional<std::uint32_t> next_uid() const {
    if (!header_) return {};
    std::uint32_t next = 0;
    for (const auto uid : {header_->next_uid, header_->public_next_uid})
      if (uid <= kMostUids) next = std::max(next, uid);
    return next == 0 ? std::nullopt : std::optional(next);
  }

 private:
  Result<> read() {
    header_ = nullptr;
    records.clear();
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0)
      return std::unexpected(system_error("cannot stat the old index", errno));
    if (info.st_size < static_cast<off_t>(kRecordsAt)) return {};
    TRY(auto mapping, Mapping::make(fd_.get(), static_cast<std::size_t>(info.st_size), true));
    map_ = std::make_shared<IndexMap>(mapping);
    auto& header = map_->header();
    if (std::memcmp(header.magic, kIndexMagic, sizeof kIndexMagic) == 0 && header.version == kIndexVersion &&
        header.identity_hash == identity_hash(header))
      header_ = &header;
    const auto count = header_ ? std::min(header_->tail, map_->slots()) : map_->slots();
    torn = header_ == nullptr || !is_plausible(*map_);
    for (std::uint32_t slot = 0; slot < count; ++slot) take(slot);
    return {};
  }
  void take(std::uint32_t slot) {
    auto record = map_->record(slot);
    if (record.modseq > kMostModseq) record.modseq = 1;
    if (record.uid == 0 || record.fixed_hash != fixed_hash(record)) {
      torn = torn || header_ != nullptr;
      return;
    }
    if (record.flags & kVoid)
      void_uids.insert(record.uid);
    else if ((record.flags & kReserved) && locked_by_others(fd_.get(), kSlotLocksAt + slot))
      underway.insert(record.uid);
    else
      records[record.uid] = record;
  }

  UniqueFd fd_;
  std::shared_ptr<IndexMap> map_;
  IndexHeader* header_ = nullptr;
  std::shared_ptr<CacheFile> cache_;
};

// An index record from nothing but the message file.
Result<std::pair<IndexRecord, std::string>> read_message(const std::string& path, std::uint32_t uid) {
  TRY(const auto file, spool::MessageFile::open(path));
  TRY_VOID(file.verify_message());
  TRY(const auto bytes, file.read_message(0, file.message_size()));
  auto parsed = parse_for_cache(bytes);
  struct stat info {};
  ::fstat(file.fd(), &info);
  const auto& records = file.records();
  const auto arrival = records.number(spool::Tag::arrival_ms, std::int64_t{info.st_mtime} * 1000);
  IndexRecord record{};
  record.uid = uid;
  record.internal_date = records.number(spool::Tag::internal_date_ms, arrival) / 1000;
  record.save_date = records.number(spool::Tag::save_date_ms, arrival) / 1000;
  record.size = file.message_size();
  record.header_size = parsed.header_size;
  record.email_id = email_id_of(records.text(spool::Tag::email_id), bytes);
  record.thread_id = parsed.thread_id != 0 ? parsed.thread_id : record.email_id;
  stamp(parsed.cache_entry, record.email_id);
  return std::pair(record, std::move(parsed.cache_entry));
}

class Rebuild {
 public:
  Rebuild(const MailboxEntry& entry, Account& account, const RebuildOptions& options)
      : entry_(entry), account_(account), options_(options) {}

  Result<RebuildReport> run() {
    TRY_VOID(lock());
    TRY_VOID(old_.open(entry_.directory));
    if (options_.ignore_index) old_.distrust();
    TRY_VOID(find_out());
    if (!report_.reason.empty() || options_.force) report_.rebuilt = true;
    if (!report_.rebuilt || options_.check_only) {
      report_.messages = static_cast<std::uint32_t>(
          std::ranges::count_if(keep_, [this](std::uint32_t uid) { return !is_expunged(uid); }));
      report_.rebuilt = false;
      report_.uidvalidity = old_.header() ? old_.header()->uidvalidity : entry_.uidvalidity;
      return report_;
    }
    TRY_VOID(write());
    TRY_VOID(account_.sum_up());
    return report_;
  }

 private:
  // Where there is no index to lock, two that make one would not know of each other, and mail that was put into the
  // first would be nowhere.
  Result<> lock() {
    TRY(alone_, open_file(entry_.directory, O_RDONLY | O_DIRECTORY));
    while (::flock(alone_.get(), LOCK_EX) != 0)
      if (errno != EINTR) return std::unexpected(system_error("cannot lock " + entry_.directory, errno));
    return {};
  }

  // Compares index and files.
  Result<> find_out() {
    const auto purged = read_purged(entry_.directory);
    const bool list_damaged = !purged && code_of(purged.error()) == Code::corrupt;
    if (!purged && !list_damaged) return std::unexpected(purged.error());
    std::map<std::uint32_t, std::uint64_t> gone;  // UID to email id
    if (purged)
      for (const auto& message : *purged) gone[message.uid] = message.email_id;
    if (!gone.empty()) spent_ = std::max(spent_, gone.rbegin()->first);
    if (options_.forget_purged) gone.clear();
    TRY(const auto files, find_message_files(entry_.directory));
    spent_ = std::max(spent_, files.highest);
    for (const auto uid : files.uids) {
      if (old_.underway.contains(uid)) continue;
      if (!old_.records.contains(uid) && is_leftover(uid, gone)) {
        leftovers_.push_back(uid);
        continue;
      }
      keep_.push_back(uid);
      if (!old_.records.contains(uid)) report_.found += 1;
    }
    for (const auto& [uid, record] : old_.records)
      if ((record.flags & kExpunged) == 0 && !std::binary_search(keep_.begin(), keep_.end(), uid))
        report_.lost += 1;
    if (old_.header() == nullptr)
      report_.reason = "no readable index";
    else if (options_.ignore_index)
      report_.reason = "the old index is not to be used";
    else if (old_.torn)
      report_.reason = "damaged records in the index";
    else if (!is_of_this_mailbox())
      report_.reason = "the index is of another mailbox";
    else if (report_.found != 0)
      report_.reason = "message files that the index does not have";
    else if (report_.lost != 0)
      report_.reason = "messages without a file";
    else if (list_damaged)
      report_.reason = "damaged list of purged messages";
    return {};
  }

  Result<> write() {
    std::uint64_t highest = old_.header() ? old_.header()->highestmodseq : 1;
    if (highest > kMostModseq) highest = 1;
    for (const auto& [uid, record] : old_.records) highest = std::max(highest, record.modseq);
    account_.raise_modseq(highest);
    TRY(const auto generation, next_generation());
    TRY(report_.uidvalidity, uidvalidity());
    NextIndex next(entry_.directory, {.mailbox_id = entry_.id,
                                      .uidvalidity = report_.uidvalidity,
                                      .generation = generation,
                                      .created = wall_seconds()});
    next.keywords = old_.keywords();
    next.highestmodseq = highest;
    for (const auto uid : keep_) TRY_VOID(add(next, uid));
    next.next_uid = std::max(highest_known() + 1, old_.next_uid().value_or(1));
    next.recent_uid = old_.header() ? old_.header()->recent_uid : keep_.empty() ? 0 : keep_.back();
    // Without the old index nobody knows what was expunged since when.
    next.purged_modseq =
        old_.torn || options_.forget_purged ? next.highestmodseq : old_.header()->purged_modseq;
    std::vector<PurgedMessage> purged;
    for (const auto& [uid, record] : old_.records)
      if (!std::binary_search(keep_.begin(), keep_.end(), uid))
        purged.push_back(is_expunged(uid) ? PurgedMessage{uid, record.modseq, record.email_id}
                                          : PurgedMessage{uid, draw(next)});  // may be put back
    if (options_.forget_purged) ::unlink((entry_.directory + "/store.exp").c_str());
    old_.supersede();
    TRY_VOID(next.publish(purged));
    for (const auto uid : leftovers_) (void)durable::remove(message_path(entry_.directory, uid));
    return {};
  }

  bool is_expunged(std::uint32_t uid) const {
    const auto known = old_.records.find(uid);
    return known != old_.records.end() && (known->second.flags & kExpunged) != 0;
  }

  // A file without a record of which somebody knows why. One that came since under the same UID, as when an old index
  // or list was put back, is a message.
  bool is_leftover(std::uint32_t uid, const std::map<std::uint32_t, std::uint64_t>& gone) const {
    if (is_of_this_mailbox() && old_.void_uids.contains(uid)) return true;
    const auto purged = gone.find(uid);
    return purged != gone.end() && holds_message(entry_.directory, uid, purged->second);
  }

  // The row of the list tells the UIDVALIDITY that the mailbox began with; a later one is in the index only.
  bool is_of_this_mailbox() const {
    const auto* const header = old_.header();
    return header != nullptr && entry_.id == header->mailbox_id && header->uidvalidity >= entry_.uidvalidity;
  }

  // The highest UID that files, records and the list of purged messages tell of.
  std::uint32_t highest_known() const {
    auto highest = spent_;
    if (!old_.records.empty()) highest = std::max(highest, old_.records.rbegin()->first);
    for (const auto* const uids : {&old_.void_uids, &old_.underway})
      if (!uids->empty()) highest = std::max(highest, *uids->rbegin());
    return std::min(highest, kMostUids - 1);
  }

  // What a client knows by a UID must not become another message. Where the old index cannot tell which UIDs were
  // spent, nobody can: the files of the last ones may have been expunged and purged, or lost.
  Result<std::uint32_t> uidvalidity() {
    if (is_of_this_mailbox() && old_.next_uid()) return old_.header()->uidvalidity;
    const auto before = std::max(entry_.uidvalidity, old_.header() ? old_.header()->uidvalidity : 0);
    TRY(const auto drawn, account_.next_uidvalidity(before));
    log::Event("store.mailbox.uidvalidity")
        .with("mailbox", entry_.name.text())
        .with("before", static_cast<std::int64_t>(before))
        .with("now", static_cast<std::int64_t>(drawn))
        .with("reason", report_.reason)
        .notice();
    return drawn;
  }

  std::uint64_t draw(NextIndex& next) { return next.highestmodseq = account_.next_modseq(); }

  Result<> add(NextIndex& next, std::uint32_t uid) {
    const auto path = message_path(entry_.directory, uid);
    const auto known = old_.records.find(uid);
    struct stat info {};
    if (known != old_.records.end() && !options_.force && ::stat(path.c_str(), &info) == 0 &&
        static_cast<std::uint64_t>(info.st_size) >= known->second.size + spool::kFooterBytes) {
      add_known(next, known->second);
      return {};
    }
    auto fresh = read_message(path, uid);
    if (!fresh && fresh.error().fault != Fault::permanent && known != old_.records.end()) {
      not_read(path, fresh.error());
      add_known(next, known->second);
      return {};
    }
    // What may be read the next time is no damage: without a record it would be a message less.
    if (!fresh && fresh.error().fault != Fault::permanent && !options_.force)
      return wrap(fresh.error(), path + ": see to the disk; reconstruct -f sets it aside");
    if (!fresh) return set_aside(path, fresh.error());
    auto& [record, cache_entry] = *fresh;
    if (known != old_.records.end()) {
      const auto& old = known->second;
      record.internal_date = old.internal_date;
      record.zone_minutes = old.zone_minutes;
      record.save_date = old.save_date;
      record.delivery_hash = old.delivery_hash;
      record.flags = old.flags & (kSystemFlags | kExpunged);
      record.keywords[0] = old.keywords[0];
      record.keywords[1] = old.keywords[1];
      record.expunged_at = old.expunged_at;
    }
    record.modseq = draw(next);
    next.add(record, cache_entry);
    report_.messages += is_expunged(uid) ? 0 : 1;
    return {};
  }

  void add_known(NextIndex& next, IndexRecord record) {
    if (record.modseq == 0 || record.moving_hash != moving_hash(record)) record.modseq = draw(next);
    record.flags &= kSystemFlags | kExpunged;
    next.add(record, old_.cache_entry(record));
    report_.messages += is_expunged(record.uid) ? 0 : 1;
  }

  // The disk may give it back: it stays where it is, with the record that it had. Without one it could not stay: mending
  // takes a file without a record for that of an append that was not answered.
  void not_read(const std::string& path, const Error& error) {
    report_.damaged += 1;
    log::Event("store.message.unreadable")
        .with("file", path)
        .with("reason", error.text)
        .with("action", "see to the disk, then run reconstruct -f for this mailbox")
        .error();
  }

  // A file that is not whole is kept for a person to look at, out of the way.
  Result<> set_aside(const std::string& path, const Error& error) {
    report_.damaged += 1;
    log::Event("store.message.damaged")
        .with("file", path)
        .with("reason", error.text)
        .with("set-aside", path + ".bad")
        .error();
    return durable::rename(path, path + ".bad");
  }

  Result<std::uint64_t> next_generation() const {
    std::uint64_t highest = old_.header() ? old_.header()->generation : 0;
    TRY(const auto names, list_directory(entry_.directory));
    for (const std::string_view name : names)
      if (name.starts_with("store.c"))
        highest = std::max(highest, to_number<std::uint64_t>(name.substr(7)).value_or(0));
    return highest + 1;
  }

  const MailboxEntry& entry_;
  Account& account_;
  const RebuildOptions& options_;
  UniqueFd alone_;
  OldIndex old_;
  RebuildReport report_;
  std::vector<std::uint32_t> keep_;
  std::vector<std::uint32_t> leftovers_;
  std::uint32_t spent_ = 0;  // highest UID of a file or in store.exp
};
}  // namespace

Result<RebuildReport> rebuild_mailbox(const MailboxEntry& entry, Account& account,
                                      const RebuildOptions& options) {
  return Rebuild(entry, account, options).run();
}

}  // namespace waxwing::store
