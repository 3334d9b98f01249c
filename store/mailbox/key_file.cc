#include "store/mailbox/key_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/random.h"
#include "store/access_keys.h"
#include "store/detail/errors.h"

namespace waxwing::store {
namespace {

constexpr std::string_view kMagic("WxKey\n\0\0", 8);
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kKeyAt = 16, kHashAt = kKeyAt + kAccessKeyBytes, kFileBytes = kHashAt + 8;

template <class T>
void append(std::string& to, T number) {
  to.append(reinterpret_cast<const char*>(&number), sizeof number);
}

template <class T>
T number_at(std::string_view bytes, std::size_t at) {
  T number{};
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

std::uint64_t hash_of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), kHashAt);
}

}  // namespace

std::string key_path(const std::string& mailbox_directory) {
  return mailbox_directory + "/store.key";
}

std::string encode_key(std::string_view key) {
  std::string file(kMagic);
  append(file, kVersion);
  append(file, static_cast<std::uint32_t>(key.size()));
  file += key;
  append(file, hash_of(file));
  return file;
}

Result<std::string> decode_key(std::string_view file) {
  if (file.size() < kKeyAt || !file.starts_with(kMagic))
    return fail_permanently(Code::corrupt, "this is no access key");
  if (const auto version = number_at<std::uint32_t>(file, 8); version != kVersion)
    return fail_permanently(Code::corrupt, "an access key of version " + std::to_string(version) +
                                               ", which this program does not know");
  if (file.size() != kFileBytes || number_at<std::uint32_t>(file, 12) != kAccessKeyBytes ||
      number_at<std::uint64_t>(file, kHashAt) != hash_of(file))
    return fail_permanently(Code::corrupt, "the access key is damaged; RESETKEY makes a new one");
  return std::string(file.substr(kKeyAt, kAccessKeyBytes));
}

Result<std::string> read_key(const std::string& mailbox_directory) {
  const auto path = key_path(mailbox_directory);
  auto file = read_file(path, 4096);
  if (!file) {
    TRY(const bool there, is_there(path));
    if (!there) return std::string();
  }
  if (!file) return std::unexpected(std::move(file.error()));
  auto key = decode_key(*file);
  if (!key) return fail(Fault::permanent, Code::corrupt, path + ": " + std::string(text_of(key.error())));
  return key;
}

Result<> write_key(const std::string& mailbox_directory, std::string_view key) {
  const auto path = key_path(mailbox_directory);
  const auto temporary_path = path + "." + unique_id();
  TRY(const auto fd, open_file(temporary_path, O_RDWR | O_CREAT | O_EXCL, 0600));
  durable::Batch batch;
  auto done = write_all(fd.get(), encode_key(key));
  if (done) done = durable::commit(std::move(batch.content(fd.get(), path).rename(temporary_path, path)));
  // What has its name already is no promise: nobody may find it and sign with it.
  if (!done && ::unlink(temporary_path.c_str()) != 0 && errno == ENOENT) (void)durable::remove(path);
  return done;
}

Result<> remove_keys(const std::vector<std::string>& mailbox_directories) {
  constexpr std::size_t kAtOnce = 1000;  // names in a record of the journal
  durable::Batch batch;
  std::size_t names = 0;
  for (const auto& directory : mailbox_directories) {
    TRY(const bool there, is_there(directory));
    if (!there) continue;
    TRY_VOID(durable::remove(key_path(directory)));
    // One that is gone may have been removed by an attempt whose commit failed.
    batch.removed(key_path(directory));
    if (++names % kAtOnce == 0) TRY_VOID(durable::commit(std::exchange(batch, {})));
  }
  return durable::commit(std::move(batch));
}

}  // namespace waxwing::store
