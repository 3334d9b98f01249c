#include "store/mailbox/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/detail/event_of.h"
#include "store/detail/paths.h"
#include "store/mailbox/index_ranges.h"
#include "store/mailbox/rebuild.h"

namespace waxwing::store {

std::string email_id_text(std::uint64_t email_id) {
  return fmt::format("E{:016x}", email_id);
}
std::string thread_id_text(std::uint64_t thread_id) {
  return fmt::format("T{:016x}", thread_id);
}
std::uint64_t email_id_of(std::string_view id_text, std::string_view message) {
  const auto bytes = id_text.empty() ? message : id_text;
  return XXH3_64bits(bytes.data(), bytes.size());
}

void add_uid(UidSet& set, std::uint32_t uid) {
  if (!set.empty() && set.back().last + 1 == uid)
    set.back().last = uid;
  else
    set.push_back({uid, uid});
}

Result<std::string> MessageBytes::read(std::uint64_t offset, std::size_t count) const {
  if (offset >= size_) return std::string();
  std::string bytes(std::min<std::uint64_t>(count, size_ - offset), '\0');
  TRY_VOID(read_at(fd_.get(), offset, bytes.data(), bytes.size()));
  return bytes;
}

MessageInfo message_info(const IndexRecord& record) {
  const auto moving = read_moving(record);
  MessageInfo info;
  info.uid = record.uid;
  info.flags = moving.flags & kSystemFlags;
  info.keywords = moving.keywords;
  info.modseq = moving.modseq;
  info.internal_date = record.internal_date;
  info.zone_minutes = record.zone_minutes;
  info.save_date = record.save_date;
  info.size = record.size;
  info.header_size = record.header_size;
  info.email_id = record.email_id;
  info.thread_id = record.thread_id;
  info.cache_offset = load(record.cache_offset);
  return info;
}

Result<> MailboxFiles::create(const std::string& directory, const std::string& id, std::uint32_t uidvalidity,
                              const MailboxName& name) {
  TRY_VOID(make_directories(directory + "/00"));
  TRY_VOID(replace_file(directory + "/store.name", name.text() + "\n"));
  TRY(const auto name_fd, open_file(directory + "/store.name", O_RDONLY));
  TRY(const auto fd, open_file(index_path(directory), O_RDWR | O_CREAT | O_TRUNC));
  TRY_VOID(lay_out_index(fd.get(), {.mailbox_id = id,
                                    .uidvalidity = uidvalidity,
                                    .generation = 1,
                                    .created = wall_seconds(),
                                    .capacity = 32}));
  durable::Batch batch;
  batch.file(fd.get()).file(name_fd.get()).directory(directory).directory(parent_directory(directory));
  return durable::commit(std::move(batch));
}

Result<Generation> MailboxFiles::open_generation() const {
  Generation generation;
  TRY(generation.index, Index::open(entry_.directory));
  TRY(generation.cache, CacheFile::open(cache_path(entry_.directory, generation.index->header().generation)));
  return generation;
}

Result<std::shared_ptr<MailboxFiles>> MailboxFiles::open(MailboxEntry entry, std::string partition_path,
                                                         std::shared_ptr<Account> account,
                                                         std::shared_ptr<const Surroundings> around) {
  std::shared_ptr<MailboxFiles> mailbox(new MailboxFiles);
  mailbox->entry_ = std::move(entry);
  mailbox->partition_path_ = std::move(partition_path);
  mailbox->account_ = std::move(account);
  mailbox->around_ = std::move(around);
  const auto attempt = [&]() -> Result<> {
    TRY(mailbox->current_, mailbox->open_generation());
    // Whatever a crash left behind is mended by taking the lock once.
    const auto& header = mailbox->current_.index->header();
    if (mailbox->current_.index->needs_mending() || load(header.busy) != 0 ||
        load(header.tail) != load(header.count) || !is_plausible(*mailbox->current_.index->map()))
      TRY_VOID(mailbox->lock());
    return {};
  };
  auto opened = attempt();
  if (!opened && code_of(opened.error()) == Code::corrupt && mailbox->around_->repair) {
    log::Event("store.mailbox.damaged")
        .with("mailbox", mailbox->entry_.name.text())
        .with("reason", opened.error().text)
        .error();
    TRY_VOID(rebuild_mailbox(mailbox->entry_, *mailbox->account_, {}));
    opened = attempt();
  }
  if (!opened) return std::unexpected(opened.error());
  if (mailbox->deleted())
    return fail_permanently(Code::nonexistent, "mailbox " + mailbox->entry_.name.text() + " was deleted");
  return mailbox;
}

Result<Generation> MailboxFiles::generation() const {
  const std::lock_guard guard(mutex_);
  if (current_.index->superseded()) {
    TRY(current_, open_generation());
  }
  if (current_.index->damaged())
    return fail_for_now(Code::corrupt,
                        index_path(entry_.directory) + " was cut short: open the mailbox again");
  return current_;
}

Result<MailboxFiles::Locked> MailboxFiles::lock() const {
  for (int tries = 0;; ++tries) {
    TRY(auto generation, this->generation());
    auto writer = generation.index->lock(*account_);
    if (writer) return Locked{std::move(generation), std::move(*writer)};
    if (!generation.index->superseded() || tries > 10) return std::unexpected(writer.error());
  }
}

Result<MailboxFiles::Locked> MailboxFiles::lock_for(const std::vector<std::string>& keywords) const {
  for (;;) {
    TRY(auto locked, lock());
    const auto& count = locked.writer->map().header().keyword_count;
    const auto known = load(count);
    for (const auto& name : keywords) TRY_VOID(locked.writer->keyword(name));
    const auto wanted = load(count);
    if (wanted == known) return locked;
    locked.writer.reset();
    TRY_VOID(commit_records(locked.generation.index, {}, wanted));
  }
}

MailboxEntry MailboxFiles::entry() const {
  const std::lock_guard guard(mutex_);
  auto entry = entry_;
  entry.uidvalidity = current_.index->header().uidvalidity;
  return entry;
}

void MailboxFiles::rename_to(const MailboxName& name) {
  const std::lock_guard guard(mutex_);
  entry_.name = name;
}

Status MailboxFiles::status() const {
  Status status;
  const auto generation = this->generation();
  if (!generation) return status;
  const auto& header = generation->index->header();
  std::uint32_t count = 0, recent_uid = 0;
  for (int spin = 0; spin < 10000; ++spin) {
    const auto before = load(header.version_);
    status.messages = header.messages;
    status.unseen = header.unseen;
    status.deleted = header.deleted;
    status.size = header.bytes;
    status.uidnext = load(header.public_next_uid);
    status.highestmodseq = load(header.highestmodseq);
    count = load(header.count);
    recent_uid = load(header.recent_uid);
    std::atomic_thread_fence(std::memory_order_acquire);
    if ((before & 1) == 0 && load(header.version_) == before) break;
  }
  status.uidvalidity = header.uidvalidity;
  status.mailbox_id = header.mailbox_id;
  const auto map = generation->index->map(count);
  for (auto slot = slot_from(*map, count, recent_uid + 1); slot < count; ++slot)
    if ((load(map->record(slot).flags) & kDead) == 0) status.recent += 1;
  return status;
}

std::vector<std::string> MailboxFiles::keywords() const {
  std::vector<std::string> names;
  const auto generation = this->generation();
  if (!generation) return names;
  const auto map = generation->index->map();
  const auto count = std::min<std::size_t>(load(map->header().keyword_count), kMaxKeywords);
  for (std::size_t n = 0; n < count; ++n)
    names.emplace_back(map->keyword(n), ::strnlen(map->keyword(n), kKeywordBytes));
  return names;
}

bool MailboxFiles::deleted() const {
  const std::lock_guard guard(mutex_);
  return load(current_.index->header().state) & kMailboxGone;
}

bool MailboxFiles::usable() const {
  if (account_->damaged()) return false;
  const std::lock_guard guard(mutex_);
  return !current_.index->damaged() && !(load(current_.index->header().state) & kMailboxGone);
}

Result<std::unique_ptr<View>> MailboxFiles::view(bool read_write) {
  TRY(auto generation, this->generation());
  return make_view(std::static_pointer_cast<MailboxFiles>(shared_from_this()), std::move(generation),
                   read_write);
}

std::optional<CachedMessage> MailboxFiles::cached_now(const MessageInfo& message) {
  const auto generation = this->generation();
  if (!generation) return {};
  std::shared_ptr<const void> keep;
  auto entry = generation->cache->entry(message.cache_offset, message.email_id, keep);
  if (!entry) {
    // The message was read from an earlier generation, or its entry was made anew since.
    const auto count = load(generation->index->header().count);
    const auto map = generation->index->map(count);
    if (const auto slot = slot_of(*map, count, message.uid))
      entry = generation->cache->entry(load(map->record(*slot).cache_offset), message.email_id, keep);
  }
  if (!entry) return {};
  return unpack(*entry, std::move(keep));
}

Result<CachedMessage> MailboxFiles::cached(const MessageInfo& message) {
  if (auto known = cached_now(message)) return std::move(*known);
  TRY(const auto bytes, open_message(message));
  TRY(const auto text, bytes.read(0, bytes.size()));
  auto entry = std::make_shared<std::string>(parse_for_cache(text).cache_entry);
  stamp(*entry, message.email_id);
  // For the next one who asks. The offset is one word and the entry proves itself: no lock.
  TRY(const auto generation, this->generation());
  const auto count = load(generation.index->header().count);
  const auto map = generation.index->map(count);
  if (const auto slot = slot_of(*map, count, message.uid)) {
    const auto at = std::atomic_ref(map->header().cache_end).fetch_add(entry->size());
    if (generation.cache->write(at, *entry)) put(map->record(*slot).cache_offset, at);
  }
  return unpack(*entry, entry);
}

Result<> MailboxFiles::prove(const IndexRecord& record) const {
  if (record.uid != 0 && record.fixed_hash == fixed_hash(record)) return {};
  return fail_for_now(Code::corrupt,
                      fmt::format("{} is damaged (record of UID {}): run reconstruct for this mailbox",
                                  index_path(entry_.directory), record.uid));
}

Result<MessageBytes> MailboxFiles::open_message(const MessageInfo& message) {
  TRY(const auto generation, this->generation());
  const auto count = load(generation.index->header().count);
  const auto map = generation.index->map(count);
  // A message that a purge has dropped from the index since is found, or not, by its file.
  if (const auto slot = slot_of(*map, count, message.uid)) TRY_VOID(prove(map->record(*slot)));
  const auto path = message_path(entry_.directory, message.uid);
  // Whatever stands there under the name, nobody waits for it, and no link leads out of the mailbox.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd && errno == ENOENT)
    return fail_permanently(Code::nonexistent, fmt::format("message {} is no longer there", message.uid));
  if (!fd) return std::unexpected(system_error("cannot open " + path, errno));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(system_error("cannot stat " + path, errno));
  if (static_cast<std::uint64_t>(info.st_size) < message.size)
    return fail_for_now(Code::corrupt, path + " is cut short: run reconstruct -f for this mailbox");
  return MessageBytes(std::move(fd), message.size);
}

void MailboxFiles::tell(EventKind kind, std::uint32_t first_uid, std::uint32_t last_uid,
                        std::uint64_t modseq) const {
  if (!around_->tell) return;
  auto event = event_of(kind, entry());
  event.first_uid = first_uid;
  event.last_uid = last_uid;
  event.modseq = modseq;
  around_->tell(event);
}

}  // namespace waxwing::store
