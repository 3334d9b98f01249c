#include "store/stored/list_recovery.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "common/base/durable.h"
#include "common/base/failpoint.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "store/detail/errors.h"
#include "store/detail/partitions.h"
#include "store/stored/list_rebuild.h"

namespace waxwing::store {

namespace {
std::string marker_of(const std::string& directory) {
  return directory + ".rebuild";
}

// A list made from what is mounted would lack what is not.
Result<> check_all_present(const std::map<std::string, std::string>& partitions) {
  for (const auto& [nick, path] : partitions) TRY_VOID(check_present(path));
  return {};
}

// What is set aside where, for who goes on after us. An empty path: there is nothing left of the list.
Result<> begin_rebuild(const std::string& directory, const std::string& aside) {
  const auto marker = marker_of(directory);
  TRY_VOID(make_directories(parent_directory(directory)));
  TRY_VOID(replace_file(marker, aside));
  TRY(const auto file, open_file(marker, O_RDONLY));
  return durable::commit(std::move(durable::Batch().file(file.get()).directory(parent_directory(directory))));
}

Result<> move_aside(const std::string& directory, const std::string& aside) {
  if (aside.empty()) return {};
  TRY(const bool done, is_there(aside));
  if (done) return {};
  TRY_VOID(failpoint("stored.list.aside"));
  if (::rename(directory.c_str(), aside.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(system_error("cannot rename " + directory, errno));
  return {};
}

// The partitions hold mailboxes, and there is no list.
Result<bool> is_gone(const std::string& directory, const std::map<std::string, std::string>& partitions) {
  TRY(const bool there, ListDb::is_there(directory));
  return there ? Result<bool>(false) : have_mailboxes(partitions);
}

std::unexpected<Error> cannot_open(Error error, const std::string& directory) {
  error.text +=
      "; what the disk refuses may come with the next try; if it does not, mend the disk, or move " +
      directory + " away: the list is made anew from the mailboxes, see stored(8)";
  return std::unexpected(std::move(error));
}
}  // namespace

Result<OpenedList> open_list(const std::string& directory, std::uint64_t cache_bytes,
                             const std::map<std::string, std::string>& partitions) {
  OpenedList list;
  TRY(list.lost, is_there(marker_of(directory)));
  TRY(const bool gone, list.lost ? Result<bool>(false) : is_gone(directory, partitions));
  if (gone) {
    log::Event("stored.list.gone").with("directory", directory).critical();
    TRY_VOID(check_all_present(partitions));
    TRY_VOID(begin_rebuild(directory, ""));
    list.lost = true;
  }
  std::string aside;
  if (list.lost) {
    TRY_VOID(check_all_present(partitions));
    TRY(aside, read_file(marker_of(directory), 4096));
    TRY_VOID(move_aside(directory, aside));
  }
  auto db = ListDb::open(directory, cache_bytes);
  if (!db && code_of(db.error()) == Code::corrupt) {
    // One that was half made anew is not what there is to be saved from.
    const auto damaged = directory + ".damaged." + std::to_string(wall_ms());
    if (aside.empty()) aside = damaged;
    log::Event("stored.list.damaged").with("reason", db.error().text).with("set-aside", damaged).critical();
    TRY_VOID(check_all_present(partitions));
    TRY_VOID(begin_rebuild(directory, aside));
    TRY_VOID(move_aside(directory, damaged));
    list.lost = true;
    db = ListDb::open(directory, cache_bytes);
  }
  if (!db) return cannot_open(db.error(), directory);
  list.db = std::move(*db);
  if (!aside.empty()) {
    TRY(list.salvaged, salvage_list(aside));
  }
  return list;
}

Result<> rebuild_is_done(const std::string& directory) {
  const auto marker = marker_of(directory);
  if (::unlink(marker.c_str()) != 0 && errno != ENOENT)
    return std::unexpected(system_error("cannot remove " + marker, errno));
  return durable::commit(std::move(durable::Batch().directory(parent_directory(directory))));
}

}  // namespace waxwing::store
