#include "common/base/journal_mark.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/journal_segment.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::durable {

namespace {
constexpr std::string_view kTitle = "waxwing journal root 1 ";

std::string hex_of(std::uint64_t number) {
  return to_hex({reinterpret_cast<const char*>(&number), sizeof number});
}

std::string line_of(const std::string& mark) {
  return std::string(kTitle) + mark + " " + hex_of(XXH3_64bits(mark.data(), mark.size())) + "\n";
}

std::string path_of(const std::string& directory) {
  return directory + "/.journal";
}

// Empty: there is none, or a damaged one.
Result<std::string> mark_of(const std::string& directory) {
  const auto path = path_of(directory);
  TRY(const bool there, is_there(path));
  if (!there) return std::string();
  const auto text = read_file(path, 4096);
  if (!text && text.error().fault == Fault::temporary) return text;  // the disk, not what stands there
  if (!text || !text->starts_with(kTitle)) return std::string();
  auto mark = text->substr(kTitle.size(), 16);
  return *text == line_of(mark) ? std::move(mark) : std::string();
}

// A file system that was just made has that one.
Result<bool> holds_nothing(const std::string& directory) {
  TRY(const auto names, list_directory(directory));
  return std::ranges::all_of(names, [](const auto& name) { return name == "lost+found"; });
}

std::unexpected<Error> is_away(const std::string& directory, const std::string& known, const char* what) {
  auto line = line_of(known);
  line.pop_back();
  return temporary(
      "the journal knows " + directory + " by its mark, and " + what +
      ": it is not mounted, or another is in its place. Mount its file system; or, if this one is to "
      "take its place for good, write the line '" +
      line + "' into " + path_of(directory) + "; see journal(5)");
}
}  // namespace

Result<bool> has_damaged_mark(const std::string& directory) {
  TRY(const auto mark, mark_of(directory));
  return mark.empty() ? is_there(path_of(directory)) : Result<bool>(false);
}

Result<> recognise_root(const std::string& directory, const std::string& known) {
  if (known.empty()) return {};
  TRY(const bool there, is_there(directory));
  if (!there) return is_away(directory, known, "it is missing");
  TRY(const auto mark, mark_of(directory));
  TRY(const bool damaged, has_damaged_mark(directory));
  // What lies below a mount point has no mark at all, so a damaged one is the right one's.
  if (mark == known || damaged) return {};
  if (!mark.empty()) return is_away(directory, known, "this one bears another mark");
  return is_away(directory, known, "this one has no mark");
}

Result<std::string> mark_root(const std::string& directory, const std::string& known, MarkEmpty empty) {
  TRY_VOID(recognise_root(directory, known));
  TRY(const auto there, mark_of(directory));
  if (!there.empty()) return there;
  if (empty == MarkEmpty::no) {
    TRY(const bool nothing, holds_nothing(directory));
    if (nothing) return std::string();
  }
  const auto mark = known.empty() ? hex_of(random_u64()) : known;
  const auto path = path_of(directory), temporary_path = path + ".new";
  {
    ::unlink(temporary_path.c_str());  // of one who died
    TRY(const auto file, open_file(temporary_path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
    TRY_VOID(give_to_owner_of(directory, file.get()));
    TRY_VOID(write_all(file.get(), line_of(mark)));
    if (::fsync(file.get()) != 0)
      return std::unexpected(system_error("cannot sync " + temporary_path, errno));
  }
  if (::rename(temporary_path.c_str(), path.c_str()) != 0)
    return std::unexpected(system_error("cannot rename " + temporary_path, errno));
  TRY_VOID(sync_names(directory));
  return mark;
}

}  // namespace waxwing::durable
