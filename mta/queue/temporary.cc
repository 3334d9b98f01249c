// Files that are being written: made in turn in many directories, so that to make one stays cheap
// (common/base/spread.h).
#include "common/base/failpoint.h"
#include "common/base/spread.h"
#include "common/log/log.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

Result<Temporary> Queue::create_temporary(const std::string& name) const {
  TRY_VOID(failpoint("queue.create"));
  TRY(auto file, create_spread_file(directory_ + "/.tmp", name));
  return Temporary{std::move(file.fd), std::move(file.path)};
}

void Queue::clean_temporary(std::int64_t older_than_seconds) const {
  remove_old_spread_files(directory_ + "/.tmp", older_than_seconds, [](const std::string& path) {
    log::Event("queue.temporary_removed").with("file", path).information();
  });
}

}  // namespace waxwing::mta::queue
