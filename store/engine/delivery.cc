#include "store/delivery.h"

#include <sys/stat.h>

#include <map>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/engine/inner.h"
#include "store/mailbox/draft.h"

namespace waxwing::store {

namespace {

// The message as it will lie in the mailboxes: parsed once, on disk once per partition.
class Source {
 public:
  static Result<Source> make(const DeliveryMessage& message);
  // A complete file on the partition's file system, and what must be synced with it.
  Result<Incoming> on(const std::string& partition_path);

 private:
  Result<> parse(std::string_view bytes);
  Result<> write_to(const std::string& partition_path);
  bool is_on(const std::string& partition_path) const;

  const DeliveryMessage* message_ = nullptr;
  std::optional<spool::MessageFile> file_;  // of message_->path
  dev_t device_ = 0;
  std::string whole_;  // prefix and message, when there is a prefix
  std::string email_id_;
  Incoming common_;
  std::map<std::string, std::unique_ptr<Draft::Inner>> written_;  // by partition
};

Result<Source> Source::make(const DeliveryMessage& message) {
  Source source;
  source.message_ = &message;
  auto& record = source.common_.record;
  record.save_date = wall_seconds();
  record.internal_date = message.internal_date.value_or(record.save_date);
  source.email_id_ = unique_id();
  if (message.path.empty()) {
    source.whole_ = message.prefix + message.bytes;
    TRY_VOID(source.parse(source.whole_));
    return source;
  }
  TRY(auto file, spool::MessageFile::open(message.path));
  struct stat info {};
  if (::fstat(file.fd(), &info) != 0)
    return std::unexpected(system_error("cannot stat " + message.path, errno));
  source.device_ = info.st_dev;
  if (!message.internal_date) {
    const auto arrival_ms = file.records().number(spool::Tag::arrival_ms, record.internal_date * 1000);
    record.internal_date = arrival_ms / 1000;
  }
  if (message.prefix.empty()) {
    source.email_id_ = file.records().text(spool::Tag::email_id);
    if (file.message_size() <= kReadNotMapped) {
      TRY(const auto bytes, file.read_message(0, file.message_size()));
      TRY_VOID(source.parse(bytes));
    } else {
      TRY(const auto map, Mapping::make(file.fd(), file.message_size(), false));
      TRY_VOID(source.parse({map->data(), file.message_size()}));
    }
  } else {
    TRY(const auto bytes, file.read_message(0, file.message_size()));
    source.whole_ = message.prefix + bytes;
    TRY_VOID(source.parse(source.whole_));
  }
  source.file_ = std::move(file);
  return source;
}

Result<> Source::parse(std::string_view bytes) {
  auto parsed = parse_for_cache(bytes);
  auto& record = common_.record;
  record.size = bytes.size();
  record.header_size = parsed.header_size;
  record.email_id = email_id_of(email_id_, bytes);
  record.thread_id = parsed.thread_id != 0 ? parsed.thread_id : record.email_id;
  stamp(parsed.cache_entry, record.email_id);
  common_.cache_entry = std::make_shared<const std::string>(std::move(parsed.cache_entry));
  return {};
}

bool Source::is_on(const std::string& partition_path) const {
  struct stat info {};
  return file_ && message_->prefix.empty() && ::stat(partition_path.c_str(), &info) == 0 &&
         info.st_dev == device_;
}

Result<> Source::write_to(const std::string& partition_path) {
  TRY(auto draft, Draft::Inner::make(partition_path));
  if (file_ && message_->prefix.empty()) {
    constexpr std::size_t kPiece = 256 << 10;
    for (std::uint64_t at = 0; at < file_->message_size(); at += kPiece) {
      TRY(const auto piece, file_->read_message(at, kPiece));
      TRY_VOID(draft->writer.write(piece));
    }
  } else {
    TRY_VOID(draft->writer.write(whole_));
  }
  spool::Records records;
  if (!email_id_.empty()) records.add(spool::Tag::email_id, email_id_);
  records.add_number(spool::Tag::internal_date_ms, common_.record.internal_date * 1000);
  records.add_number(spool::Tag::save_date_ms, common_.record.save_date * 1000);
  TRY_VOID(draft->writer.seal(spool::Kind::store, records));
  written_[partition_path] = std::move(draft);
  return {};
}

Result<Incoming> Source::on(const std::string& partition_path) {
  auto incoming = common_;
  if (is_on(partition_path)) {
    incoming.file = message_->path;
    return incoming;
  }
  if (!written_.contains(partition_path)) TRY_VOID(write_to(partition_path));
  incoming.file = written_[partition_path]->path;
  incoming.unsynced_fd = written_[partition_path]->fd.get();
  return incoming;
}

DeliveryResult failed(const Error& error) {
  const auto outcome = code_of(error) == Code::over_quota ? Delivered::over_quota
                       : error.fault == Fault::permanent  ? Delivered::permanent
                                                          : Delivered::temporary;
  return {outcome, std::string(text_of(error)), {}, 0};
}

Result<MailboxEntry> find_target(Store& store, const DeliveryTarget& target) {
  TRY(const auto inbox, MailboxName::make(target.user, "INBOX"));
  const auto name = MailboxName::make(target.user, target.folder);
  if (!name || name->is_inbox()) return store.find_or_create(inbox);
  auto entry = target.create_folder ? store.find_or_create(*name) : store.find(*name);
  if (entry || (code_of(entry.error()) != Code::nonexistent && code_of(entry.error()) != Code::cannot))
    return entry;
  return store.find_or_create(inbox);
}

std::uint64_t hash_of(const std::string& delivery_id) {
  return delivery_id.empty() ? 0 : XXH3_64bits(delivery_id.data(), delivery_id.size()) | 1;
}

class Delivery {
 public:
  Delivery(Store& store, const std::vector<DeliveryTarget>& targets)
      : store_(store), targets_(targets), results_(targets.size()) {}

  std::vector<DeliveryResult> run(const DeliveryMessage& message) {
    auto source = Source::make(message);
    if (!source) {
      for (auto& result : results_) result = failed(source.error());
      return results_;
    }
    for (std::size_t n = 0; n < targets_.size(); ++n)
      if (const auto landed = land(*source, n); !landed) results_[n] = failed(landed.error());
    commit();
    return results_;
  }

 private:
  Result<> land(Source& source, std::size_t n) {
    const auto& target = targets_[n];
    TRY(auto entry, find_target(store_, target));
    TRY(auto mailbox, open(entry));
    results_[n].mailbox = entry.name.text();
    const auto hash = hash_of(target.delivery_id);
    if (target.retry)
      if (const auto uid = mailbox->delivered_before(hash, kRetryWindow)) {
        results_[n].outcome = Delivered::repeated;
        results_[n].uid = *uid;
        return {};
      }
    TRY(auto incoming, source.on(mailbox->partition_path()));
    incoming.record.delivery_hash = hash;
    incoming.record.flags = target.flags & kSystemFlags;
    incoming.keywords = target.keywords;
    const auto limit = target.ignore_quota ? QuotaLimit{} : target.limit;
    if (limit.bytes >= 0 && static_cast<std::int64_t>(incoming.record.size) > limit.bytes) {
      results_[n] = {
          Delivered::never_fits, "the message is larger than the whole quota of " + target.user, {}, 0};
      return {};
    }
    std::vector<Incoming> one;
    one.push_back(std::move(incoming));
    TRY(auto landing, mailbox->land(one, limit));
    landings_.emplace_back(n, std::move(landing));
    return {};
  }

  // A mailbox that we knew may have been deleted and made anew by another process.
  Result<std::shared_ptr<MailboxFiles>> open(MailboxEntry& entry) {
    TRY(const auto mailbox, store_.open_mailbox(entry.name));
    entry = mailbox->entry();
    return std::static_pointer_cast<MailboxFiles>(mailbox);
  }

  void commit() {
    durable::Batch batch;
    for (const auto& [n, landing] : landings_) landing.add_to(batch);
    auto done = failpoint("store.deliver.commit");
    if (done) done = durable::commit(std::move(batch));
    if (done) done = failpoint("store.deliver.committed");
    for (auto& [n, landing] : landings_) {
      auto& result = results_[n];
      const auto uid = landing.uids().front();
      const auto published = done ? landing.publish() : done;
      if (!published) {
        result = failed(published.error());
        continue;
      }
      result.outcome = Delivered::ok;
      result.uid = uid;
    }
  }

  Store& store_;
  const std::vector<DeliveryTarget>& targets_;
  std::vector<DeliveryResult> results_;
  std::vector<std::pair<std::size_t, Landing>> landings_;
};

}  // namespace

std::vector<DeliveryResult> deliver(Store& store, const DeliveryMessage& message,
                                    const std::vector<DeliveryTarget>& targets) {
  return Delivery(store, targets).run(message);
}

}  // namespace waxwing::store
