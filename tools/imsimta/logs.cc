// imsimta find, view, purge: versions of log files.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <span>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "tools/imsimta/command.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/log_files.h"

namespace waxwing::imsimta {

namespace {

// All versions of one file, the oldest first.
using Versions = std::span<const LogVersion>;

std::vector<Versions> by_file(const std::vector<LogVersion>& versions) {
  std::vector<Versions> files;
  for (std::size_t at = 0; at < versions.size();) {
    auto end = at + 1;
    while (end < versions.size() && versions[end].base == versions[at].base) ++end;
    files.emplace_back(versions.data() + at, end - at);
    at = end;
  }
  return files;
}

Result<std::optional<std::size_t>> take_number(Arguments& arguments, std::string_view name) {
  std::string text;
  if (!arguments.take(name, &text)) return std::nullopt;
  const auto number = to_number<std::size_t>(text);
  if (!number) return permanent("-" + std::string(name) + " wants a number, not \"" + printable(text) + "\"");
  return number;
}

// -f=n: the n-th of all, from the oldest; -l=n: from the newest. Both count from 0; without them the newest.
struct Place {
  std::optional<std::size_t> from_first, from_last;

  static Result<Place> take(Arguments& arguments) {
    Place place;
    TRY(place.from_first, take_number(arguments, "f"));
    TRY(place.from_last, take_number(arguments, "l"));
    if (place.from_first && place.from_last) return permanent("-f and -l exclude each other");
    return place;
  }
  const LogVersion* in(Versions versions) const {
    const auto offset = from_first ? *from_first : from_last.value_or(0);
    if (offset >= versions.size()) return nullptr;
    return &versions[from_first ? offset : versions.size() - 1 - offset];
  }
};

std::string path_of(const Context& context, const LogVersion& version) {
  return context.root + "/log/" + version.name;
}

Result<std::vector<const LogVersion*>> chosen(const Place& place, const std::vector<LogVersion>& versions,
                                              const std::string& pattern) {
  std::vector<const LogVersion*> found;
  for (const auto file : by_file(versions))
    if (const auto* version = place.in(file)) found.push_back(version);
  if (found.empty())
    return permanent(versions.empty() ? "no log file " + printable(pattern) + " in log/"
                                      : "there are not so many versions of " + printable(pattern));
  return found;
}

void print_version(const Context& context, const LogVersion& version, bool json) {
  if (!json) return fmt::print("{}\n", path_of(context, version));
  JsonObject()
      .text("path", path_of(context, version))
      .text("file", version.base)
      .number("version", static_cast<std::int64_t>(version.age))
      .number("bytes", static_cast<std::int64_t>(version.bytes))
      .time("changed", version.changed)
      .print();
}

Result<> copy_out(const std::string& path) {
  TRY(const auto file, open_file(path, O_RDONLY));
  std::string piece(64 * 1024, '\0');
  for (ssize_t got; (got = ::read(file.get(), piece.data(), piece.size())) != 0;) {
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(system_error("cannot read " + path, errno));
    if (std::fwrite(piece.data(), 1, static_cast<std::size_t>(got), stdout) == 0)
      return {};  // a pager that ended
  }
  return {};
}

struct Keep {
  std::size_t newest = 5;
  std::optional<std::int64_t> seconds;  // and what was written since then

  static Result<Keep> take(Arguments& arguments) {
    Keep keep;
    TRY(const auto number, take_number(arguments, "num"));
    TRY(const auto days, take_number(arguments, "day"));
    TRY(const auto hours, take_number(arguments, "hour"));
    if (number) keep.newest = *number;
    if (days || hours)
      keep.seconds = static_cast<std::int64_t>(days.value_or(0)) * 86400 +
                     static_cast<std::int64_t>(hours.value_or(0)) * 3600;
    // A time alone says all: no number is kept beside it.
    if (keep.seconds && !number) keep.newest = 0;
    return keep;
  }
  // The file that is written now stays.
  bool keeps(const LogVersion& version, std::size_t place_from_newest) const {
    return version.age == 0 || place_from_newest < newest ||
           (seconds && version.changed >= wall_seconds() - *seconds);
  }
};

}  // namespace

Result<int> run_find(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json"), all = arguments.take("all");
  TRY(const auto place, Place::take(arguments));
  const auto pattern = arguments.take_word();
  TRY_VOID(arguments.finish("find [-f=n|-l=n] [-all] [-json] file"));
  if (pattern.empty()) return permanent("which log file? imsimta find file; * stands for any text");
  TRY(const auto versions, log_versions(context.root, pattern));
  if (all && !versions.empty()) {
    for (const auto& version : versions) print_version(context, version, json);
    return 0;
  }
  TRY(const auto found, chosen(place, versions, pattern));
  for (const auto* version : found) print_version(context, *version, json);
  return 0;
}

Result<int> run_view(const Context& context, Arguments arguments) {
  TRY(const auto place, Place::take(arguments));
  const auto pattern = arguments.take_word();
  TRY_VOID(arguments.finish("view [-f=n|-l=n] file"));
  if (pattern.empty()) return permanent("which log file? imsimta view file; * stands for any text");
  TRY(const auto versions, log_versions(context.root, pattern));
  TRY(const auto found, chosen(place, versions, pattern));
  for (const auto* version : found) TRY_VOID(copy_out(path_of(context, *version)));
  return 0;
}

Result<int> run_purge(const Context& context, Arguments arguments) {
  const bool only_tell = arguments.take("trial");
  TRY(const auto keep, Keep::take(arguments));
  const auto pattern = arguments.take_word();
  TRY_VOID(arguments.finish("purge [-num=n] [-day=n] [-hour=n] [-trial] [file]"));
  TRY(const auto versions, log_versions(context.root, pattern));
  std::size_t removed = 0;
  for (const auto file : by_file(versions))
    for (std::size_t i = 0; i < file.size(); ++i) {
      if (keep.keeps(file[i], file.size() - 1 - i)) continue;
      if (!only_tell && ::unlink(path_of(context, file[i]).c_str()) != 0 && errno != ENOENT)
        return std::unexpected(system_error("cannot remove " + path_of(context, file[i]), errno));
      ++removed;
      fmt::print("{}{}\n", only_tell ? "would remove " : "removed ", file[i].name);
    }
  fmt::print("{} of {} versions {}\n", removed, versions.size(), only_tell ? "would be removed" : "removed");
  return 0;
}

}  // namespace waxwing::imsimta
