#include "store/access_keys.h"

#include <array>
#include <functional>
#include <mutex>
#include <vector>

#include "common/base/random.h"
#include "store/mailbox/key_file.h"

namespace waxwing::store {
namespace {

// Who makes a key waits for who makes one in the same mailbox just now: both must sign with the same. And for who
// removes its owner's: until that is durable nobody makes one that would go with the old ones.
std::mutex& lock_of(std::string_view owner) {
  static std::array<std::mutex, 16> locks;
  return locks[std::hash<std::string_view>{}(owner) % locks.size()];
}

Result<std::string> new_key(const MailboxEntry& entry) {
  auto key = random_bytes(kAccessKeyBytes);
  TRY_VOID(write_key(entry.directory, key));
  return key;
}

}  // namespace

Result<std::string> access_key(Store& store, const MailboxName& name) {
  TRY(const auto entry, store.find(name));
  return read_key(entry.directory);
}

Result<std::string> make_access_key(Store& store, const MailboxName& name) {
  TRY(const auto entry, store.find(name));
  const std::lock_guard lock(lock_of(name.user));
  auto key = read_key(entry.directory);
  if (key && !key->empty()) return key;
  if (!key && code_of(key.error()) != Code::corrupt) return key;
  return new_key(entry);
}

Result<> renew_access_key(Store& store, const MailboxName& name) {
  TRY(const auto entry, store.find(name));
  const std::lock_guard lock(lock_of(name.user));
  TRY_VOID(new_key(entry));
  return {};
}

Result<> remove_access_keys(Store& store, std::string_view user) {
  TRY(const auto entries, store.list(user));
  std::vector<std::string> directories;
  for (const auto& entry : entries) directories.push_back(entry.directory);
  const std::lock_guard lock(lock_of(user));
  return remove_keys(directories);
}

}  // namespace waxwing::store
