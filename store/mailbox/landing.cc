// How messages come into a mailbox: reserve, link, (the caller commits), publish.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/draft.h"
#include "store/mailbox/files.h"
#include "store/mailbox/index_ranges.h"

namespace waxwing::store {

namespace {
// Cache entries of all messages in one piece: one reservation of space, one write.
Result<> write_cache(const Generation& generation, std::vector<Incoming>& messages) {
  std::string bytes;
  for (const auto& message : messages)
    if (message.cache_entry) bytes += *message.cache_entry;
  const auto at = std::atomic_ref(generation.index->header().cache_end).fetch_add(bytes.size());
  TRY_VOID(generation.cache->write(at, bytes));
  auto offset = at;
  for (auto& message : messages) {
    message.record.cache_offset = offset;
    if (message.cache_entry) offset += message.cache_entry->size();
  }
  return {};
}

// Answers how many names of the table the messages use.
Result<std::size_t> name_keywords(Index::Writer& writer, std::vector<Incoming>& messages) {
  std::size_t most = 0;
  for (auto& message : messages) {
    KeywordSet set;
    for (const auto& name : message.keywords) {
      TRY(const auto bit, writer.keyword(name));
      set.set(bit);
    }
    most = std::max(most, keywords_in(set));
    message.record.keywords[0] = set.bits[0];
    message.record.keywords[1] = set.bits[1];
  }
  return most;
}

QuotaUsage sum_of(const std::vector<Incoming>& messages) {
  QuotaUsage sum;
  for (const auto& message : messages) sum.bytes += static_cast<std::int64_t>(message.record.size);
  sum.messages = static_cast<std::int64_t>(messages.size());
  return sum;
}

// Another file system: the bytes must be copied.
Result<UniqueFd> copy_file(const std::string& from, const std::string& to) {
  TRY(const auto source, open_file(from, O_RDONLY));
  TRY(auto target, open_file(to, O_RDWR | O_CREAT | O_EXCL));
  std::string piece(256 << 10, '\0');
  for (;;) {
    const auto got = ::read(source.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("cannot read " + from, errno));
    if (got == 0) return target;
    TRY_VOID(write_all(target.get(), std::string_view(piece).substr(0, static_cast<std::size_t>(got))));
  }
}
}  // namespace

Result<Landing> MailboxFiles::land(std::vector<Incoming>& messages, QuotaLimit limit, bool together) {
  const auto sum = sum_of(messages);
  // Claimed under the lock: when we die between this and the reservation, the next writer sums up again.
  std::vector<std::string> keywords;
  for (const auto& message : messages) std::ranges::copy(message.keywords, std::back_inserter(keywords));
  auto locked = lock_for(keywords);
  if (!locked) return std::unexpected(locked.error());
  if (!account_->claim(sum, limit))
    return fail_for_now(Code::over_quota, "the mailbox of " + entry_.name.user + " is full");
  const auto abort = [&](const Error& error) {
    account_->add_usage(-sum.bytes, -sum.messages);
    return std::unexpected(error);
  };
  if (auto written = write_cache(locked->generation, messages); !written) return abort(written.error());
  Landing landing(std::static_pointer_cast<MailboxFiles>(shared_from_this()), locked->generation);
  const auto named = name_keywords(*locked->writer, messages);
  if (!named) return abort(named.error());
  landing.keywords_ = *named;
  std::vector<IndexRecord> records;
  for (const auto& message : messages) records.push_back(message.record);
  auto slots = locked->writer->reserve(records, together);
  if (!slots) return abort(slots.error());
  locked->writer.reset();
  landing.slots_ = std::move(*slots);
  landing.end_slot_ = landing.slots_.empty() ? 0 : landing.slots_.back() + 1;
  landing.claimed_ = sum;  // from here on the landing gives it back
  for (const auto& record : records) landing.uids_.push_back(record.uid);
  TRY_VOID(failpoint("store.land.reserved"));
  for (std::size_t n = 0; n < messages.size(); ++n)
    TRY_VOID(put_file(landing, messages[n], landing.uids_[n]));
  return landing;
}

Result<> MailboxFiles::put_file(Landing& landing, const Incoming& message, std::uint32_t uid) {
  TRY_VOID(failpoint("store.land.link"));
  const auto path = message_path(entry_.directory, uid);
  const auto directory = message_directory(entry_.directory, uid);
  auto put = landing.put(message, path);
  if (!put && !file_exists(directory)) {
    TRY_VOID(make_directories(directory));
    landing.directories_.push_back(entry_.directory);
    put = landing.put(message, path);
  }
  if (!put && file_exists(path)) {
    // Left by a writer that died before it was published: the UID is ours.
    (void)durable::remove(path);
    put = landing.put(message, path);
  }
  return put;
}

Result<> Landing::put(const Incoming& message, const std::string& path) {
  auto* const draft = message.draft;
  if (draft != nullptr && !draft->has_file()) {
    TRY_VOID(draft->write_at(path));
    contents_.emplace_back(draft->fd.get(), path);
    return {};
  }
  const auto& from = draft != nullptr ? draft->path : message.file;
  if (::link(from.c_str(), path.c_str()) == 0) {
    if (draft != nullptr)
      contents_.emplace_back(draft->fd.get(), path);
    else
      links_.emplace_back(from, path);
    return {};
  }
  // Given up by a commit that failed, or taken from the queue, since: nobody's fault to bounce for.
  if (errno == ENOENT) return temporary("the message is not where it was just now");
  if (errno != EXDEV && errno != EMLINK && errno != EPERM)
    return std::unexpected(system_error("cannot link " + from + " to " + path, errno));
  TRY(auto copy, copy_file(from, path));
  contents_.emplace_back(copy.get(), path);
  copies_.push_back(std::move(copy));
  return {};
}

void Landing::add_to(durable::Batch& batch) const {
  for (const auto& [fd, path] : contents_) batch.content(fd, path);
  for (const auto& [from, to] : links_) batch.linked(from, to);
  add_keywords(batch, generation_.index, keywords_);
  add_records(batch, generation_.index, slots_);
  for (const auto& directory : directories_) batch.directory(directory);
}

Result<> Landing::publish() {
  TRY_VOID(failpoint("store.land.publish"));
  TRY(auto writer, generation_.index->lock(mailbox_->account()));
  publish(std::move(writer));
  return {};
}

Result<bool> Landing::try_publish() {
  TRY(auto writer, generation_.index->try_lock(mailbox_->account()));
  if (!writer) return false;
  TRY_VOID(failpoint("store.land.publish"));
  publish(std::move(writer));
  return true;
}

void Landing::publish(std::unique_ptr<Index::Writer> writer) {
  writer->publish(slots_);
  const auto modseq = mailbox_->account().last_modseq();
  writer.reset();
  slots_.clear();
  mailbox_->tell(EventKind::appended, uids_.front(), uids_.back(), modseq);
}

// Given up before shown: who dies between them leaves nothing to be finished that was not wanted.
std::vector<std::uint32_t> Landing::publish_some(Index::Writer& writer, const std::vector<bool>& wanted) {
  std::vector<std::uint32_t> shown, uids, given_up;
  QuotaUsage freed;
  for (std::size_t n = 0; n < slots_.size(); ++n) {
    if (wanted[n]) {
      shown.push_back(slots_[n]);
      uids.push_back(uids_[n]);
      continue;
    }
    (void)durable::remove_for_ever(message_path(mailbox_->directory(), uids_[n]));
    given_up.push_back(slots_[n]);
    freed.bytes += static_cast<std::int64_t>(writer.map().record(slots_[n]).size);
    freed.messages += 1;
  }
  if (!given_up.empty()) writer.abandon(given_up);
  mailbox_->account().add_usage(-freed.bytes, -freed.messages);
  writer.publish(shown);
  slots_.clear();
  uids_ = std::move(uids);
  return given_up;
}

void Landing::wait_for_turn() {
  if (!slots_.empty()) (void)generation_.index->wait_until_shown(slots_.front(), mailbox_->account());
}

void Landing::wait_until_shown() {
  (void)generation_.index->wait_until_shown(end_slot_, mailbox_->account());
}

Landing::~Landing() {
  if (!mailbox_ || slots_.empty()) return;
  for (const auto uid : uids_) (void)durable::remove(message_path(mailbox_->directory(), uid));
  const auto writer = generation_.index->lock(mailbox_->account());
  if (writer) (*writer)->abandon(slots_);
  mailbox_->account().add_usage(-claimed_.bytes, -claimed_.messages);
}

std::optional<std::uint32_t> MailboxFiles::delivered_before(std::uint64_t delivery_hash, std::int64_t since) {
  const auto generation = this->generation();
  if (!generation || delivery_hash == 0) return {};
  return repeats_.find(generation->index, delivery_hash, since);
}

}  // namespace waxwing::store
