#include "common/base/journal_aside.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/base/file.h"
#include "common/base/path.h"

namespace waxwing::durable {

namespace {
constexpr std::string_view kPrefix = "damaged.";
constexpr std::ptrdiff_t kMostKept = 64;
constexpr std::size_t kMostBytes = 16 << 20;

Result<> write_new(const std::string& path, const std::string& directory, std::string_view bytes) {
  ::unlink(path.c_str());  // of a replay that was cut short
  TRY(const auto file, open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
  TRY_VOID(give_to_owner_of(directory, file.get()));
  TRY_VOID(write_all(file.get(), bytes));
  if (::fsync(file.get()) != 0) return std::unexpected(system_error("cannot sync " + path, errno));
  return sync_names(directory);
}
}  // namespace

Result<std::string> set_aside(const std::string& directory, JournalReader& reader, const JournalHole& hole) {
  TRY(const auto names, list_directory(directory));
  const auto is_kept = [](const std::string& name) { return name.starts_with(kPrefix); };
  if (std::ranges::count_if(names, is_kept) >= kMostKept)
    return permanent("too many damaged pieces are kept in " + directory + ": look at them and remove them");
  const auto path = directory + "/" + std::string(kPrefix) + std::to_string(hole.from);
  TRY(const auto bytes, reader.bytes_of(hole, kMostBytes));
  if (auto written = write_new(path, directory, bytes); !written) {
    ::unlink(path.c_str());
    return std::unexpected(written.error());
  }
  return path;
}

}  // namespace waxwing::durable
