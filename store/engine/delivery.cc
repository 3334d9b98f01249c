#include "store/delivery.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/base/space.h"
#include "common/base/time.h"
#include "common/spool/message_file.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/engine/inner.h"
#include "store/mailbox/draft.h"

namespace waxwing::store {

namespace {

// An open mailbox holds three descriptors, and many messages come at once.
constexpr std::size_t kMostAtOnce = 64;

// The message as it will lie in the mailboxes: parsed once, on disk once per partition.
class Source {
 public:
  static Result<Source> make(Store& store, const DeliveryMessage& message);
  // For a mailbox of that partition.
  Incoming on(const std::string& partition_path) const;
  // It lies there now: the partition's next mailbox links that.
  void put(const std::string& partition_path, std::string path) {
    paths_.try_emplace(partition_path, std::move(path));
  }
  // What lay there may have been given up.
  void forget_places() { paths_.clear(); }

 private:
  Result<> take_file(const spool::MessageFile& file, std::int64_t internal_date);
  Result<> write_anew(Store& store, const DeliveryMessage& message, const DraftFacts& facts);

  Incoming common_;
  std::optional<Draft> anew_;  // a file's message behind its prefix
  std::map<std::string, std::string> paths_;
};

Result<Source> Source::make(Store& store, const DeliveryMessage& message) {
  Source source;
  DraftFacts facts{message.internal_date, 0, message.log_id};
  if (message.draft != nullptr) {
    TRY(source.common_, incoming_from(message.draft->inner(), facts));
    return source;
  }
  if (message.file == nullptr) return bug("a delivery without a message");
  if (!facts.internal_date)
    facts.internal_date =
        message.file->records().number(spool::Tag::arrival_ms, wall_seconds() * 1000) / 1000;
  if (message.prefix.empty())
    TRY_VOID(source.take_file(*message.file, *facts.internal_date));
  else
    TRY_VOID(source.write_anew(store, message, facts));
  return source;
}

Result<> Source::take_file(const spool::MessageFile& file, std::int64_t internal_date) {
  TRY(auto parsed, parse_file(file.fd(), file.message_size()));
  const auto id = file.records().text(spool::Tag::email_id);
  auto& record = common_.record;
  record.save_date = wall_seconds();
  record.internal_date = internal_date;
  record.size = file.message_size();
  record.header_size = parsed.header_size;
  record.email_id = email_id_of(id.empty() ? unique_id() : std::string(id), {});
  record.thread_id = parsed.thread_id != 0 ? parsed.thread_id : record.email_id;
  stamp(parsed.cache_entry, record.email_id);
  common_.cache_entry = std::make_shared<const std::string>(std::move(parsed.cache_entry));
  common_.file = file.path();
  return {};
}

Result<> Source::write_anew(Store& store, const DeliveryMessage& message, const DraftFacts& facts) {
  constexpr std::size_t kPieceBytes = 256 << 10;
  TRY(auto draft, store.begin_delivery());
  TRY_VOID(draft.write(message.prefix));
  for (std::uint64_t at = 0; at < message.file->message_size(); at += kPieceBytes) {
    TRY(const auto piece, message.file->read_message(at, kPieceBytes));
    TRY_VOID(draft.write(piece));
  }
  anew_ = std::move(draft);
  TRY(common_, incoming_from(anew_->inner(), facts));
  return {};
}

Incoming Source::on(const std::string& partition_path) const {
  auto incoming = common_;
  if (const auto at = paths_.find(partition_path); at != paths_.end()) {
    incoming.draft = nullptr;
    incoming.file = at->second;
  }
  return incoming;
}

// Only what no operator can mend is a reason to bounce: damage, files of another version and a missing file are not.
bool is_lasting(const Error& error) {
  const auto code = code_of(error);
  return error.fault == Fault::permanent && (code == Code::cannot || code == Code::limit);
}

DeliveryResult failed(const Error& error) {
  const auto outcome = code_of(error) == Code::over_quota ? Delivered::over_quota
                       : is_no_space(error)               ? Delivered::no_space
                       : is_lasting(error)                ? Delivered::permanent
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

  bool done() const { return next_ == targets_.size(); }
  std::vector<DeliveryResult> take_results() { return std::move(results_); }

  // Puts the message into the next mailboxes, not yet visible. Answers what must be committed.
  Result<durable::Batch> land(const DeliveryMessage& message) {
    if (!source_) {
      auto source = Source::make(store_, message);
      if (!source) {
        for (auto& result : results_) result = failed(source.error());
        next_ = targets_.size();
        return durable::Batch();
      }
      source_ = std::move(*source);
    }
    for (const auto end = std::min(targets_.size(), next_ + kMostAtOnce); next_ < end; ++next_)
      if (const auto landed = land(*source_, next_); !landed) results_[next_] = failed(landed.error());
    durable::Batch batch;
    for (const auto& [n, landing] : landings_) landing.add_to(batch);
    TRY_VOID(failpoint("store.deliver.commit"));
    return batch;
  }

  // The commit has answered. False: somebody holds the lock of one of the mailboxes; patiently again.
  bool publish(const Result<>& done, bool patiently) {
    while (!landings_.empty()) {
      auto& [n, landing] = landings_.front();
      const auto uid = landing.uids().front();
      const auto published = done ? publish(landing, patiently) : std::unexpected(done.error());
      if (published && !*published) return false;
      auto& result = results_[n];
      result = published ? DeliveryResult{Delivered::ok, {}, std::move(result.mailbox), uid}
                         : failed(published.error());
      if (!published) source_->forget_places();
      landings_.pop_front();  // gives up what was not published
    }
    return true;
  }

 private:
  static Result<bool> publish(Landing& landing, bool patiently) {
    if (!patiently) return landing.try_publish();
    TRY_VOID(landing.publish());
    return true;
  }

  Result<> land(Source& source, std::size_t n) {
    const auto& target = targets_[n];
    TRY(auto entry, find_target(store_, target));
    TRY(auto mailbox, open(entry));
    results_[n].mailbox = entry.name.text();
    const auto hash = hash_of(target.delivery_id);
    if (target.may_repeat_since)
      if (const auto uid = mailbox->delivered_before(hash, *target.may_repeat_since - kClockDoubtSeconds)) {
        results_[n].outcome = Delivered::repeated;
        results_[n].uid = *uid;
        return {};
      }
    auto incoming = source.on(mailbox->partition_path());
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
    source.put(mailbox->partition_path(), message_path(mailbox->directory(), landing.uids().front()));
    landings_.emplace_back(n, std::move(landing));
    return {};
  }

  // A mailbox that we knew may have been deleted and made anew by another process.
  Result<std::shared_ptr<MailboxFiles>> open(MailboxEntry& entry) {
    TRY(const auto mailbox, store_.open_mailbox(entry.name));
    entry = mailbox->entry();
    return std::static_pointer_cast<MailboxFiles>(mailbox);
  }

  Store& store_;
  const std::vector<DeliveryTarget>& targets_;
  std::vector<DeliveryResult> results_;
  std::size_t next_ = 0;          // target
  std::optional<Source> source_;  // until the end: the commit reads its file
  std::deque<std::pair<std::size_t, Landing>> landings_;
};

}  // namespace

std::vector<DeliveryResult> deliver(Store& store, const DeliveryMessage& message,
                                    const std::vector<DeliveryTarget>& targets) {
  Delivery delivery(store, targets);
  do {
    auto batch = delivery.land(message);
    auto done = batch ? durable::commit(std::move(*batch)) : std::unexpected(batch.error());
    if (done) done = failpoint("store.deliver.committed");
    (void)delivery.publish(done, true);
  } while (!delivery.done());
  return delivery.take_results();
}

namespace {
// One delivery on its way from thread to thread: never on two at once.
struct Journey {
  WorkerPool& workers;
  Store& store;
  const DeliveryMessage& message;
  const std::function<std::vector<DeliveryTarget>()>& find_targets;
  std::function<void()> arrived{};
  std::vector<DeliveryTarget> targets{};
  std::optional<Delivery> delivery{};
  std::vector<DeliveryResult> results{};
  std::exception_ptr failure{};

  template <class Step>
  void guarded(Step step) {
    try {
      step();
    } catch (...) {
      failure = std::current_exception();
      arrived();
    }
  }
  void begin() {
    targets = find_targets();
    delivery.emplace(store, targets);
    land();
  }
  void land() {
    auto batch = delivery->land(message);
    if (!batch || batch->empty()) return publish(batch ? Result<>() : std::unexpected(batch.error()), true);
    workers.commit(std::move(*batch), [this](Result<> done) {
      guarded([&] {
        if (done) done = failpoint("store.deliver.committed");
        publish(std::move(done), false);
      });
    });
  }
  // Not patiently: others wait behind us for the answers of the same pass. What may take long is done by a
  // worker for itself.
  void publish(Result<> done, bool patiently) {
    const bool quick = patiently || done;
    if (!quick || !delivery->publish(done, patiently))
      return elsewhere([this, done = std::move(done)]() mutable { publish(std::move(done), true); });
    if (!delivery->done()) return elsewhere([this] { land(); });
    results = delivery->take_results();
    arrived();  // last of all: this object may be gone when it returns
  }
  template <class Step>
  void elsewhere(Step step) {
    workers.submit([this, step = std::move(step)]() mutable { guarded(step); });
  }
};
}  // namespace

Task<std::vector<DeliveryResult>> deliver_on(WorkerPool& workers, Store& store,
                                             const DeliveryMessage& message,
                                             const std::function<std::vector<DeliveryTarget>()>& targets) {
  Journey journey{workers, store, message, targets};
  waxwing::detail::Handoff handoff{[&](std::function<void()> resume) {
    journey.arrived = std::move(resume);
    workers.submit([&] { journey.guarded([&] { journey.begin(); }); });
  }};
  co_await handoff;
  if (journey.failure) std::rethrow_exception(journey.failure);
  co_return std::move(journey.results);
}

}  // namespace waxwing::store
