#include "common/base/file_system.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "common/base/file.h"
#include "common/base/strings.h"

namespace waxwing {

namespace {
using Names = FileSystem::Names;

struct Kind {
  std::uint32_t magic;
  Names names;
  const char* name;
};

// f2fs brings back what was synced after its last checkpoint file by file; tmpfs has nothing at all after a cut.
constexpr std::uint32_t kExt = 0xef53;
constexpr Kind kKinds[] = {
    {0x58465342, Names::in_order, "xfs"},
    {0x9123683e, Names::in_order, "btrfs"},
    {0x2fc12fc1, Names::in_order, "zfs"},
    {0x3153464a, Names::in_order, "jfs"},
    {0xca451a4e, Names::in_order, "bcachefs"},
    {0xf2f52010, Names::in_no_order, "f2fs"},
    {0x4d44, Names::in_no_order, "vfat"},
    {0x2011bab0, Names::in_no_order, "exfat"},
    {0x01021994, Names::in_no_order, "tmpfs, which is memory"},
    {0x6969, Names::unknown, "nfs"},
    {0x794c7630, Names::unknown, "overlay"},
    {0x65735546, Names::unknown, "fuse"},
};

// Each file of sysfs says of itself that it has the size of a page, however little stands in it.
constexpr std::size_t kMostOfSysfs = 64 << 10;

// Block device 254:0 -> "vda"; empty when the system does not tell.
std::string device_name(dev_t device, const std::string& system) {
  const auto link = fmt::format("{}/sys/dev/block/{}:{}", system, ::major(device), ::minor(device));
  std::array<char, 4096> target{};
  const auto got = ::readlink(link.c_str(), target.data(), target.size() - 1);
  if (got <= 0) return {};
  const std::string_view text(target.data(), static_cast<std::size_t>(got));
  return std::string(text.substr(text.rfind('/') + 1));
}

std::optional<Names> override_for_tests() {
  const char* const word = std::getenv("WAXWING_TEST_FILE_SYSTEM");
  if (word == nullptr) return std::nullopt;
  return std::string_view(word) == "in_order" ? Names::in_order : Names::in_no_order;
}
}  // namespace

FileSystem ext_file_system(const std::string& device, const std::string& system) {
  const auto shown = device.empty() ? "an unknown device" : device;
  if (const auto task = read_file(system + "/sys/fs/ext4/" + device + "/journal_task", kMostOfSysfs);
      task && !device.empty()) {
    if (trim(*task) != "<none>") return {Names::in_order, "ext4 (" + shown + ")"};
    return {Names::in_no_order, "ext4 without a journal (" + shown + ")"};
  }
  // jbd2 names its folders after device and inode of the journal.
  const auto journals = list_directory(system + "/proc/fs/jbd2");
  if (journals && !device.empty() &&
      std::ranges::any_of(*journals, [&](const auto& name) { return name.starts_with(device + "-"); }))
    return {Names::in_order, "ext4 (" + shown + ")"};
  return {Names::unknown, "ext2, ext3 or ext4 (" + shown + "), and whether with a journal cannot be seen"};
}

FileSystem file_system_of(const std::string& path, const std::string& system) {
  if (const auto names = override_for_tests()) return {*names, "a file system of tests"};
  struct statfs about {};
  struct stat status {};
  if (::statfs(path.c_str(), &about) != 0 || ::stat(path.c_str(), &status) != 0)
    return {Names::unknown, "an unknown file system"};
  const auto magic = static_cast<std::uint32_t>(about.f_type);
  if (magic == kExt) return ext_file_system(device_name(status.st_dev, system), system);
  const auto* const found = std::ranges::find(kKinds, magic, &Kind::magic);
  if (found != std::end(kKinds)) return {found->names, found->name};
  return {Names::unknown, fmt::format("a file system of type {:#x}", magic)};
}

}  // namespace waxwing
