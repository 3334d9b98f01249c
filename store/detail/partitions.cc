#include "store/detail/partitions.h"

#include "common/base/file.h"
#include "common/base/spread.h"
#include "common/config/places.h"
#include "common/log/log.h"
#include "store/detail/errors.h"

namespace waxwing::store {

std::map<std::string, std::string> partitions_of(const Config& config) {
  return partition_directories(config);
}

Result<> check_present(const std::string& partition_path) {
  const auto users = partition_path + "/=user";
  if (file_exists(users)) return {};
  return fail_for_now(Code::unavailable, "the partition " + partition_path + " is away: " + users +
                                             " is missing; mount its file system, or make that directory"
                                             " if the mail is gone for good; see stored(8)");
}

void tidy_drafts(const std::string& partition_path, std::int64_t older_than_seconds) {
  remove_old_spread_files(drafts_of(partition_path), older_than_seconds, [](const std::string& path) {
    log::Event("stored.draft.removed").with("file", path).information();
  });
}

}  // namespace waxwing::store
