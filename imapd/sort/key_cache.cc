#include "imapd/sort/key_cache.h"

namespace waxwing::imap {
namespace {
// Small mailboxes cost next to nothing to read again: the list stays short enough to be searched.
constexpr std::size_t kMostMailboxes = 256;
}  // namespace

std::shared_ptr<MailboxKeys> KeyCache::of(const std::string& mailbox_id, std::uint32_t uidvalidity) {
  const std::lock_guard lock(mutex_);
  for (auto at = entries_.begin(); at != entries_.end(); ++at)
    if (at->uidvalidity == uidvalidity && at->mailbox_id == mailbox_id) {
      entries_.splice(entries_.begin(), entries_, at);
      return at->keys;
    }
  entries_.push_front({mailbox_id, uidvalidity, std::make_shared<MailboxKeys>()});
  if (entries_.size() > kMostMailboxes) entries_.pop_back();
  return entries_.front().keys;
}

void KeyCache::trim(std::size_t most_bytes) {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (auto at = entries_.begin(); at != entries_.end();) {
    total += at->keys->bytes();
    at = total > most_bytes ? entries_.erase(at) : std::next(at);
  }
}

std::size_t KeyCache::bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t total = 0;
  for (const auto& entry : entries_) total += entry.keys->bytes();
  return total;
}

}  // namespace waxwing::imap
