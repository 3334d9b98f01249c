#include "common/base/journal_run.h"

#include <fcntl.h>
#include <fmt/format.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_control.h"
#include "common/base/journal_segment.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
constexpr std::string_view kTitle = "waxwing journal run 1 ";
constexpr std::size_t kMostBytes = 4096;

std::string path_of(const std::string& directory) {
  return directory + "/run";
}
}  // namespace

Result<std::string> load_run(const std::string& directory) {
  const auto path = path_of(directory);
  TRY(const bool there, is_there(path));
  if (!there) return std::string();
  TRY(const auto text, read_file(path, kMostBytes));
  if (!text.starts_with(kTitle))  // damaged: not any run that was
    return fmt::format("{:016x}", XXH3_64bits(text.data(), text.size()));
  const auto of_this = std::string(kTitle) + boot_id() + " ";
  return text.starts_with(of_this) ? std::string(trim(text.substr(of_this.size()))) : std::string();
}

Result<> begin_run(const std::string& directory) {
  const auto line = fmt::format("{}{} {:016x}\n", kTitle, boot_id(), random_u64());
  const auto path = path_of(directory);
  TRY_VOID(replace_file(path, line, 0600));
  TRY(const auto file, open_file(path, O_RDONLY | O_NOFOLLOW));
  return give_to_owner_of(directory, file.get());
}

}  // namespace waxwing::durable
