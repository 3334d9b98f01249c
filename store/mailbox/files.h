// The Mailbox that lies in a partition: index, cache and message files together.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/base/durable.h"
#include "store/mailbox.h"
#include "store/mailbox/account.h"
#include "store/mailbox/cache.h"
#include "store/mailbox/index.h"
#include "store/mailbox/repeats.h"

namespace waxwing::store {

// One generation of a mailbox's files; a purge makes the next.
struct Generation {
  std::shared_ptr<Index> index;
  std::shared_ptr<CacheFile> cache;
};

// What a mailbox asks of its process.
struct Surroundings {
  std::function<void(const Event&)> tell;  // must not block
  bool repair = true;                      // rebuild a damaged index at opening
};

// A message that is about to become part of a mailbox.
struct Incoming {
  std::string file;               // message file that is durable, or becomes so by the same commit; linked,
                                  // or copied when it is on another file system
  Draft::Inner* draft = nullptr;  // or a sealed draft: linked when it has a file, else written
  IndexRecord record{};           // all but UID, hashes, cache offset and keywords
  std::vector<std::string> keywords;
  std::shared_ptr<const std::string> cache_entry;
};

class MailboxFiles;

// Slots taken in a mailbox, files linked: between reserve and publish. Gives up when destroyed early.
class Landing {
 public:
  Landing(std::shared_ptr<MailboxFiles> mailbox, Generation generation)
      : mailbox_(std::move(mailbox)), generation_(std::move(generation)) {}
  Landing(Landing&&) = default;
  ~Landing();
  void add_to(durable::Batch& batch) const;
  // After the commit. Tells the event.
  Result<> publish();
  // The same, when nobody holds the mailbox's lock; false: nothing was done.
  Result<bool> try_publish();
  // In place of publish(), by who holds the lock of the mailbox's index: shows those of uids() that are wanted, and gives
  // the others up. uids() are then those that are shown. Answers the slots that were given up: a power cut brings their
  // messages back until these records are committed.
  std::vector<std::uint32_t> publish_some(Index::Writer& writer, const std::vector<bool>& wanted);
  // Before publishing: until what was reserved earlier is decided, so that the messages are shown at once. As
  // wait_until_shown().
  void wait_for_turn();
  // After publish(): until others see the messages. Not on a thread that another landing may be waiting for.
  void wait_until_shown();
  const std::vector<std::uint32_t>& uids() const { return uids_; }
  std::uint32_t uidvalidity() const { return generation_.index->header().uidvalidity; }
  MailboxFiles& mailbox() const { return *mailbox_; }
  const Generation& generation() const { return generation_; }

 private:
  friend class MailboxFiles;
  // Writes, links or copies.
  Result<> put(const Incoming& message, const std::string& path);
  void publish(std::unique_ptr<Index::Writer> writer);
  std::shared_ptr<MailboxFiles> mailbox_;
  Generation generation_;
  std::vector<std::uint32_t> slots_;
  std::uint32_t end_slot_ = 0;  // behind the last of them
  std::vector<std::uint32_t> uids_;
  std::size_t keywords_ = 0;  // names of the table that the messages use
  std::vector<std::pair<int, std::string>> contents_;
  std::vector<std::pair<std::string, std::string>> links_;
  std::vector<std::string> directories_;  // that got a new directory
  std::vector<UniqueFd> copies_;
  QuotaUsage claimed_;
};

class MailboxFiles final : public Mailbox {
 public:
  static Result<std::shared_ptr<MailboxFiles>> open(MailboxEntry entry, std::string partition_path,
                                                    std::shared_ptr<Account> account,
                                                    std::shared_ptr<const Surroundings> around);
  // Files of a new, empty mailbox, durable. The directory's parent holds the account.
  static Result<> create(const std::string& directory, const std::string& id, std::uint32_t uidvalidity,
                         const MailboxName& name);

  MailboxEntry entry() const override;
  Status status() const override;
  std::vector<std::string> keywords() const override;
  bool deleted() const override;
  Result<std::unique_ptr<View>> view(bool read_write) override;
  Result<CachedMessage> cached(const MessageInfo& message) override;
  std::optional<CachedMessage> cached_now(const MessageInfo& message) override;
  Result<MessageBytes> open_message(const MessageInfo& message) override;
  Result<Draft> begin_append(std::uint64_t bytes_expected, QuotaLimit limit) override;
  Result<Appended> append(std::vector<Draft> drafts, QuotaLimit limit) override;
  Result<Appended> append_bytes(std::string_view message, std::uint32_t flags,
                                std::optional<std::int64_t> internal_date, QuotaLimit limit) override;
  Result<FlagResult> store_flags(const UidSet& uids, const FlagChange& change) override;
  Result<UidSet> expunge(const UidSet& uids, bool only_deleted) override;
  Result<Copied> copy(const UidSet& uids, Mailbox& target, QuotaLimit limit) override;
  Result<Copied> move(const UidSet& uids, Mailbox& target, QuotaLimit limit) override;
  std::optional<UidSet> expunged_since(std::uint64_t since) override;

  // ---- for the store's own rooms ----
  // The newest generation: opens it again when a purge has replaced it.
  Result<Generation> generation() const;
  struct Locked {
    Generation generation;
    std::unique_ptr<Index::Writer> writer;
  };
  Result<Locked> lock() const;
  // The same, with places for these keywords. The names of new ones are committed first, without the lock: a power
  // cut that brings the page of a record that nobody was answered, and not that of the names, would keep half of it.
  Result<Locked> lock_for(const std::vector<std::string>& keywords) const;
  // Reserves and links, all or none. Nothing is durable or visible yet. together: after a crash, too, all of
  // them are there or none; else each stands for itself.
  Result<Landing> land(std::vector<Incoming>& messages, QuotaLimit limit, bool together = true);
  // The message that a delivery with this hash made, not saved before `since`.
  std::optional<std::uint32_t> delivered_before(std::uint64_t delivery_hash, std::int64_t since);
  // Drops records and files of what was expunged at or before `until` (seconds since 1970). False when it
  // could not now: appends are under way.
  Result<bool> purge(std::int64_t until);
  bool has_dead() const;  // something is left to purge
  // Neither deleted nor cut short while it was open: then opening it again says or mends it.
  bool usable() const;
  void rename_to(const MailboxName& name);

  Account& account() const { return *account_; }
  const std::string& directory() const { return entry_.directory; }
  const std::string& partition_path() const { return partition_path_; }
  void tell(EventKind kind, std::uint32_t first_uid, std::uint32_t last_uid, std::uint64_t modseq) const;

 private:
  MailboxFiles() = default;
  Result<Generation> open_generation() const;
  Result<> put_file(Landing& landing, const Incoming& message, std::uint32_t uid);
  // What an expunge takes, with its lock held; slots ascending.
  struct Gone {
    UidSet uids;
    std::vector<std::uint32_t> slots;
    QuotaUsage freed;
    std::uint64_t modseq = 0;
    void add(Index::Writer& writer, std::uint32_t slot);  // a live one
  };
  // Without the lock: makes it durable, tells the event.
  Result<> commit_expunge(const Generation& generation, const Gone& gone);
  Result<Copied> hand_over(const std::vector<std::uint32_t>& picked, Landing& landing);
  Result<std::vector<Incoming>> pick(const UidSet& uids, std::vector<std::uint32_t>& found) const;
  // Is what was written once into the record still there? Asked before the size in it bounds a body.
  Result<> prove(const IndexRecord& record) const;

  mutable std::mutex mutex_;  // entry_.name, current_
  MailboxEntry entry_;
  std::string partition_path_;
  std::shared_ptr<Account> account_;
  std::shared_ptr<const Surroundings> around_;
  mutable Generation current_;
  Repeats repeats_;
};

std::unique_ptr<View> make_view(std::shared_ptr<MailboxFiles> mailbox, Generation generation,
                                bool read_write);
MessageInfo message_info(const IndexRecord& record);
// From the message file's records, else from its bytes.
std::uint64_t email_id_of(std::string_view id_text, std::string_view message);

}  // namespace waxwing::store
