// The sort keys of the mailboxes that were sorted or threaded last, in bounded memory.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <string>

#include "imapd/sort/mailbox_keys.h"

namespace waxwing::imap {

class KeyCache {
 public:
  // For the mailbox of that id and UIDVALIDITY; empty when nothing is known.
  std::shared_ptr<MailboxKeys> of(const std::string& mailbox_id, std::uint32_t uidvalidity);
  // Lets go of those used longest ago until all together are within the limit. Those in use live on with
  // their users.
  void trim(std::size_t most_bytes);
  std::size_t bytes() const;

 private:
  struct Entry {
    std::string mailbox_id;
    std::uint32_t uidvalidity;
    std::shared_ptr<MailboxKeys> keys;
  };
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // used last first; few, since each is large
};

}  // namespace waxwing::imap
