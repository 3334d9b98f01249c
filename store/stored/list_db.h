// The mailbox list in Berkeley DB: rows of mailboxes, subscriptions, what is to be purged and removed.
//
// One process opens the environment (private, transactional, recovered at every start). Thread-safe;
// every call may block. A write is durable when it answers, unless said otherwise.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace waxwing::store {

class ListDb {
 public:
  // Code::corrupt when it is damaged, or its log has lost what was committed (list_witness.h); what could be
  // recovered is in the tables then.
  static Result<std::unique_ptr<ListDb>> open(const std::string& directory, std::uint64_t cache_bytes);
  // Is anything left of a list there? An error when the disk does not let us see.
  static Result<bool> is_there(const std::string& directory);
  ~ListDb();  // checkpoint and close

  // Directories in entries are relative to their partition.
  Result<std::optional<MailboxEntry>> find(const std::string& name);
  Result<> put(const MailboxEntry& entry);
  // All or none: takes away the first, puts the second, and remembers trash (partition TAB directory).
  struct Change {
    std::vector<std::string> remove;
    std::vector<MailboxEntry> put;
    std::vector<std::string> trash;
  };
  Result<> apply(const Change& change);
  // Names that begin with prefix and come after `after`.
  Result<std::vector<MailboxEntry>> page(const std::string& prefix, const std::string& after,
                                         std::size_t limit);

  // How many rows the user has, counted no further than `most`.
  Result<std::size_t> folder_count(const std::string& user, std::size_t most);
  Result<std::size_t> subscription_count(const std::string& user, std::size_t most);

  Result<std::vector<std::string>> trash();
  Result<> trash_done(const std::string& item);

  Result<> subscribe(const std::string& user, const std::string& name);
  Result<bool> is_subscribed(const std::string& user, const std::string& name);
  Result<> unsubscribe(const std::string& user, const std::string& name);  // not there: success
  Result<std::vector<std::string>> subscriptions(const std::string& user, const std::string& after,
                                                 std::size_t limit);

  // Mailboxes with expunged messages, by name; not durable: the next expunge tells again.
  Result<> note_purge(const std::string& name);
  Result<std::vector<std::string>> to_purge(const std::string& after, std::size_t limit);
  Result<> purge_done(const std::string& name);

  // Bounds recovery time, removes log files that are no longer needed.
  Result<> checkpoint();

 private:
  explicit ListDb(const std::string& directory);
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace waxwing::store
