#include "mta/config/database_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "common/base/mapping_faults.h"
#include "common/directory/would_block.h"

namespace waxwing::mta {

namespace {

// What a write into a file changes.
struct Stamp {
  std::uint64_t bytes = 0;
  std::int64_t seconds = 0, nanoseconds = 0;
  bool operator==(const Stamp&) const = default;
};

Stamp stamp_of(int file) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return {};
  return {static_cast<std::uint64_t>(status.st_size), status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

// Times of files move on in steps: one that was written within this step could be written once more and look the same.
// Waits until it is older than any step.
void let_it_grow_old(const Stamp& stamp) {
  constexpr std::int64_t kStepNs = 20'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto age = (now.tv_sec - stamp.seconds) * 1'000'000'000 + now.tv_nsec - stamp.nanoseconds;
  if (now.tv_sec - stamp.seconds > 1 || age < 0 || age >= kStepNs) return;
  const timespec rest{0, kStepNs - age};
  ::nanosleep(&rest, nullptr);
}

}  // namespace

// The file as it was at one moment, checked.
struct DatabaseFile::View {
  Stamp stamp;
  char* data = nullptr;
  std::unique_ptr<FaultGuard> guard;
  DatabaseImage image;

  ~View() {
    guard.reset();  // before the addresses can be somebody else's
    if (data != nullptr) ::munmap(data, stamp.bytes);
  }
  bool holds(int file) const { return !guard->damaged() && stamp_of(file) == stamp; }
};

Result<std::unique_ptr<DatabaseFile>> DatabaseFile::open(const std::string& path) {
  TRY(auto file, open_file(path, O_RDONLY));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return std::unexpected(system_error("cannot look at " + path, errno));
  char bytes[DatabaseImage::kHeaderBytes];
  const auto got = ::pread(file.get(), bytes, sizeof bytes, 0);
  if (got < 0) return std::unexpected(system_error("cannot read " + path, errno));
  auto header = DatabaseImage::header_of({bytes, static_cast<std::size_t>(got)},
                                         static_cast<std::uint64_t>(status.st_size));
  if (!header) return wrap(std::move(header.error()), path);
  // As long as it is open nobody else gets its inode.
  auto id = fmt::format("{:x}.{:x}.{:x}.{:x}", status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                        status.st_size);
  return std::unique_ptr<DatabaseFile>(new DatabaseFile(path, std::move(file), *header, std::move(id)));
}

DatabaseFile::DatabaseFile(std::string path, UniqueFd file, DatabaseImage header, std::string id)
    : path_(std::move(path)), file_(std::move(file)), header_(header), id_(std::move(id)) {}
DatabaseFile::~DatabaseFile() = default;

Result<std::shared_ptr<const DatabaseFile::View>> DatabaseFile::view(directory::Ask ask) const {
  const auto current = [&] {
    const std::lock_guard lock(mutex_);
    return view_;
  };
  if (auto view = current(); view && view->holds(file_.get())) return view;
  if (ask == directory::Ask::cache_only) return std::unexpected(directory::would_block());
  const std::lock_guard one(checking_);
  if (auto view = current(); view && view->holds(file_.get())) return view;
  const auto in_place = [&](const std::string& what) {
    return temporary(path_ + " was written into while it was in use (" + what +
                     "): make it again with imsimta crdb, then imsimta reload");
  };
  auto fresh = std::make_shared<View>();
  fresh->stamp = stamp_of(file_.get());
  let_it_grow_old(fresh->stamp);
  if (fresh->stamp.bytes < DatabaseImage::kHeaderBytes) return in_place("it was cut short");
  void* const data = ::mmap(nullptr, fresh->stamp.bytes, PROT_READ, MAP_SHARED, file_.get(), 0);
  if (data == MAP_FAILED) return std::unexpected(system_error("cannot map " + path_, errno));
  fresh->data = static_cast<char*>(data);
  fresh->guard = std::make_unique<FaultGuard>(fresh->data, fresh->stamp.bytes);
  auto image = DatabaseImage::open({fresh->data, fresh->stamp.bytes});
  if (!image) return temporary(path_ + ": " + image.error().text);
  if (!fresh->holds(file_.get())) return in_place("it changed while it was read");
  fresh->image = *image;
  const std::lock_guard lock(mutex_);
  view_ = fresh;
  return fresh;
}

Result<> DatabaseFile::check() const {
  TRY_VOID(view(directory::Ask::may_block));
  return {};
}

Result<std::vector<std::string>> DatabaseFile::find(std::string_view key, directory::Ask ask) const {
  constexpr int kTries = 3;
  for (int i = 0; i < kTries; ++i) {
    TRY(const auto now, view(ask));
    const auto found = now->image.find(key);
    std::vector<std::string> values;
    if (found) values.assign(found->begin(), found->end());
    if (!now->holds(file_.get())) continue;  // whatever was read may be of the one or the other
    if (!found) return temporary(path_ + ": " + found.error().text);
    return values;
  }
  return temporary(path_ +
                   " is being written into; make it with imsimta crdb, which puts it in place in one step");
}

}  // namespace waxwing::mta
