#include "channels/autoreply/told.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <functional>

#include "common/base/durable.h"
#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/base/strings.h"

namespace waxwing::channels {
namespace {

constexpr std::size_t kMostFileBytes = 1 << 20;

// A name that is one file's, whatever is in it.
std::string file_name(std::string_view user) {
  std::string name;
  for (const unsigned char c : to_lower(user)) {
    if (is_alnum(static_cast<char>(c)) || c == '@' || c == '-' || c == '_' ||
        (c == '.' && !name.empty() && is_alnum(name.back())))
      name += static_cast<char>(c);
    else
      name += fmt::format("%{:02x}", c);
  }
  return name.empty() ? "%" : name.substr(0, 200);
}

// FNV-1a: the same in every life of the program.
unsigned bucket_of(std::string_view name) {
  std::uint32_t hash = 2166136261U;
  for (const unsigned char c : name) hash = (hash ^ c) * 16777619U;
  return hash & 0xffU;
}

using Visit = std::function<void(std::int64_t when, std::string_view sender, std::string_view line)>;

// A file that is not there, or damaged lines, know nobody.
Result<> each_line(const std::string& path, const Visit& visit) {
  TRY(const bool there, is_there(path));
  if (!there) return {};
  TRY(const auto text, read_file(path, kMostFileBytes));
  for (const auto line : split(text, '\n')) {
    const auto blank = line.find(' ');
    if (blank == line.npos) continue;
    if (const auto when = to_number<std::int64_t>(line.substr(0, blank)))
      visit(*when, line.substr(blank + 1), line);
  }
  return {};
}

}  // namespace

Told::Told(std::string folder, std::string_view user, std::int64_t period_seconds)
    : period_seconds_(period_seconds) {
  const auto name = file_name(user);
  folder_ = fmt::format("{}/{:02x}", folder, bucket_of(name));
  path_ = folder_ + "/" + name;
}

Result<bool> Told::may_tell(std::string_view sender, std::int64_t now_seconds) const {
  bool told = false;
  std::size_t count = 0;
  TRY_VOID(each_line(path_, [&](std::int64_t when, std::string_view who, std::string_view) {
    if (when <= now_seconds - period_seconds_) return;
    ++count;
    told = told || iequals(who, sender);
  }));
  return !told && count < kMostTold;
}

Result<> Told::note(std::string_view sender, std::int64_t now_seconds) const {
  std::string text;
  TRY_VOID(each_line(path_, [&](std::int64_t when, std::string_view who, std::string_view line) {
    if (when > now_seconds - period_seconds_ && !iequals(who, sender)) text.append(line).append("\n");
  }));
  text += fmt::format("{} {}\n", now_seconds, to_lower(printable(sender, 320)));
  TRY_VOID(make_directories(folder_, 0750));
  const auto temporary = path_ + "." + unique_id() + ".tmp";
  TRY(auto fd, open_file(temporary, O_RDWR | O_CREAT | O_EXCL, 0640));
  durable::Batch batch;
  auto outcome = write_all(fd.get(), text);
  if (outcome) outcome = durable::commit(std::move(batch.content(fd.get(), path_).rename(temporary, path_)));
  if (!outcome) ::unlink(temporary.c_str());
  return outcome;
}

}  // namespace waxwing::channels
