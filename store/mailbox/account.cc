#include "store/mailbox/account.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/random.h"
#include "common/base/time.h"
#include "store/detail/errors.h"
#include "store/detail/partitions.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
constexpr char kMagic[8] = {'W', 'x', 'U', 's', 'e', 'r', '\n', '\0'};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kModseqStep = 1 << 20;  // drawn between two raises of the limit

template <class T>
std::atomic_ref<T> atomic(T& word) {
  return std::atomic_ref<T>(word);
}

std::uint64_t identity_hash(const AccountHeader& header, std::string_view user) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  XXH3_64bits_update(&state, &header, offsetof(AccountHeader, identity_hash));
  XXH3_64bits_update(&state, user.data(), user.size());
  return XXH3_64bits_digest(&state);
}

std::string new_file(const std::string& user) {
  AccountHeader header{};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  header.version = kVersion;
  header.user_bytes = static_cast<std::uint32_t>(user.size());
  header.created = wall_seconds();
  header.identity_hash = identity_hash(header, user);
  const auto boot = boot_id();
  std::memcpy(header.boot_id, boot.data(), boot.size());
  header.next_modseq = 2;
  header.modseq_limit = kModseqStep;
  header.suspect = 1;  // the directory may hold mailboxes already, when it is being rebuilt
  std::string bytes(kAccountFileBytes, '\0');
  std::memcpy(bytes.data(), &header, sizeof header);
  user.copy(bytes.data() + kAccountUserAt, user.size());
  return bytes;
}
// PARTITION/=user/hh/hh/=uid
std::string partition_above(std::string directory) {
  for (int level = 0; level < 4; ++level) directory = parent_directory(directory);
  return directory;
}
}  // namespace

Result<> Account::create(const std::string& directory, const std::string& user) {
  const auto path = directory + "/store.usr";
  if (file_exists(path)) return {};
  if (user.size() > kMaxUserBytes) return fail_permanently(Code::cannot, "user name is too long: " + user);
  TRY_VOID(check_present(partition_above(directory)));
  TRY_VOID(make_directories(directory));
  const auto draft = path + "." + unique_id();
  {
    TRY(const auto fd, open_file(draft, O_RDWR | O_CREAT | O_EXCL));
    TRY_VOID(write_all(fd.get(), new_file(user)));
    durable::Batch batch;
    batch.file(fd.get()).link(draft, path);
    // The chain of directories above may be new as well.
    auto above = directory;
    for (int level = 0; level < 4; ++level) batch.directory(above = parent_directory(above));
    const auto done = durable::commit(std::move(batch));
    ::unlink(draft.c_str());
    if (!done && !file_exists(path)) return done;  // EEXIST: somebody was quicker
  }
  return {};
}

Result<std::shared_ptr<Account>> Account::open(const std::string& directory) {
  const auto path = directory + "/store.usr";
  std::shared_ptr<Account> account(new Account);
  account->directory_ = directory;
  // Mailboxes come and go, their account stays: mail for it waits until it is back.
  if (!file_exists(path)) {
    TRY_VOID(check_present(partition_above(directory)));
    return fail_for_now(Code::unavailable, path + " is missing: run reconstruct -r for this user");
  }
  TRY(account->fd_, open_file(path, O_RDWR));
  struct stat info {};
  if (::fstat(account->fd_.get(), &info) != 0)
    return std::unexpected(system_error("cannot stat " + path, errno));
  if (info.st_size < static_cast<off_t>(kAccountFileBytes))
    return fail_for_now(Code::corrupt, path + " is cut short: run reconstruct -r for this user");
  TRY(account->map_, Mapping::make(account->fd_.get(), kAccountFileBytes, true));
  const auto& header = account->header();
  if (std::memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return fail_for_now(Code::corrupt, path + " is no account file: run reconstruct -r for this user");
  if (header.user_bytes <= kMaxUserBytes)
    account->user_.assign(account->map_->data() + kAccountUserAt, header.user_bytes);
  if (header.identity_hash != identity_hash(header, account->user_))
    return fail_for_now(Code::corrupt, path + " is damaged: run reconstruct -r for this user");
  if (header.version != kVersion)
    return permanent(path + " has version " + std::to_string(header.version) + ", this program knows 1");
  if (atomic(account->header().next_modseq) > kMostModseq ||
      atomic(account->header().modseq_limit) > kMostModseq)
    return fail_for_now(Code::corrupt, path + " is damaged (modseq): run reconstruct -r for this user");
  TRY_VOID(account->after_power_cut());
  return account;
}

Result<> Account::after_power_cut() {
  const auto boot = boot_id();
  if (std::memcmp(header().boot_id, boot.data(), boot.size()) == 0 && atomic(header().suspect) == 0)
    return {};
  TRY_VOID(lock_byte(fd_.get(), 0));
  Result<> done;
  if (std::memcmp(header().boot_id, boot.data(), boot.size()) != 0) {
    const auto reached = std::max(header().modseq_limit, header().next_modseq);
    header().modseq_limit = reached + kModseqStep;
    done = durable::commit(std::move(durable::Batch().file(fd_.get())));
    if (done) {
      atomic(header().next_modseq) = reached;
      std::memcpy(header().boot_id, boot.data(), boot.size());
      atomic(header().suspect) = 1;
    }
  }
  unlock_byte(fd_.get(), 0);
  if (!done) return done;
  return atomic(header().suspect) != 0 ? sum_up() : Result<>{};
}

std::uint64_t Account::next_modseq() {
  const auto drawn = atomic(header().next_modseq).fetch_add(1);
  if (drawn + kModseqStep / 16 >= atomic(header().modseq_limit).load()) (void)raise_limit(drawn);
  return drawn;
}

// Tried again with each draw from a sixteenth of the step before the limit on, so that a disk that refuses
// for a while is no harm.
Result<> Account::raise_limit(std::uint64_t drawn) {
  TRY_VOID(lock_byte(fd_.get(), 0));
  Result<> done;
  const auto limit = atomic(header().modseq_limit).load();
  if (drawn + kModseqStep / 16 >= limit) {
    atomic(header().modseq_limit) = std::max(drawn, limit) + kModseqStep;
    done = durable::commit(std::move(durable::Batch().file(fd_.get())));
    if (!done) atomic(header().modseq_limit) = limit;  // or nobody would try again
  }
  unlock_byte(fd_.get(), 0);
  return done;
}

std::uint64_t Account::last_modseq() const {
  return atomic(header().next_modseq).load() - 1;
}

void Account::raise_modseq(std::uint64_t above) {
  above = std::min(above, kMostModseq - 1);
  auto now = atomic(header().next_modseq).load();
  while (now <= above && !atomic(header().next_modseq).compare_exchange_weak(now, above + 1)) {
  }
  if (above + kModseqStep / 16 >= atomic(header().modseq_limit).load()) (void)raise_limit(above);
}

QuotaUsage Account::usage() const {
  return {std::max<std::int64_t>(0, atomic(header().used_bytes).load()),
          std::max<std::int64_t>(0, atomic(header().used_messages).load())};
}

void Account::add_usage(std::int64_t bytes, std::int64_t messages) {
  atomic(header().usage_changes).fetch_add(1);
  atomic(header().used_bytes).fetch_add(bytes);
  atomic(header().used_messages).fetch_add(messages);
  atomic(header().usage_changes).fetch_add(1);
}

bool Account::claim(QuotaUsage more, QuotaLimit limit) {
  add_usage(more.bytes, more.messages);
  const auto now = usage();
  if ((limit.bytes < 0 || now.bytes <= limit.bytes) && (limit.messages < 0 || now.messages <= limit.messages))
    return true;
  add_usage(-more.bytes, -more.messages);
  return false;
}

void Account::mark_suspect() {
  atomic(header().suspect) = 1;
}

Result<QuotaUsage> Account::sum_of_indexes() const {
  TRY(const auto names, list_directory(directory_));
  QuotaUsage sum;
  for (const auto& name : names) {
    const auto path = index_path(directory_ + "/" + name);
    TRY(const bool there, is_there(path));
    if (!there) continue;
    const auto used = read_index_usage(path);
    if (!used && used.error().fault == Fault::temporary && code_of(used.error()) != Code::corrupt)
      return std::unexpected(used.error());
    if (!used) continue;  // just gone; a damaged one counts again when it is mended
    sum.bytes += used->bytes;
    sum.messages += used->messages;
  }
  return sum;
}

Result<> Account::sum_up() {
  constexpr int kTries = 200;
  constexpr useconds_t kPauseUs = 1000;
  auto changes = atomic(header().usage_changes);
  for (int n = 0; n < kTries; ++n) {
    auto seen = changes.load();
    const auto bytes = atomic(header().used_bytes).load(), messages = atomic(header().used_messages).load();
    const auto sum = sum_of_indexes();
    if (!sum && code_of(sum.error()) != Code::in_use) return std::unexpected(sum.error());
    // From here on others that sum up begin again.
    if (!sum || !changes.compare_exchange_strong(seen, seen + 1)) {
      ::usleep(kPauseUs);
      continue;
    }
    atomic(header().used_bytes).fetch_add(sum->bytes - bytes);
    atomic(header().used_messages).fetch_add(sum->messages - messages);
    changes.fetch_add(1);
    atomic(header().suspect) = 0;
    return {};
  }
  mark_suspect();  // no quiet moment: who opens the account next tries again
  return {};
}

Result<std::uint32_t> Account::next_uidvalidity(std::uint32_t above) {
  auto word = atomic(header().last_uidvalidity);
  auto last = word.load();
  std::uint32_t next = 0;
  do next = std::max({last + 1, above + 1, static_cast<std::uint32_t>(wall_seconds())});
  while (!word.compare_exchange_weak(last, next));
  TRY_VOID(durable::commit(std::move(durable::Batch().file(fd_.get()))));
  return next;
}

}  // namespace waxwing::store
