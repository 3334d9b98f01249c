#include "mta/queue/damaged.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/base/is_there.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "mta/config/channel_name.h"
#include "mta/queue/reader.h"

namespace waxwing::mta::queue {

namespace {

using State = DamagedFile::State;

constexpr const char* kNoFolder = "a file, where a folder must be";

// False also where the disk does not tell: then its list does not come either.
bool is_no_folder(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
}

class Search {
 public:
  Search(const Queue& queue, const std::string& channel, bool messages_too,
         const std::function<void(const DamagedFile&)>& found)
      : queue_(queue), wanted_(channel), messages_too_(messages_too), found_(found) {}

  Result<> run() {
    TRY_VOID(look_aside());
    TRY(auto entries, list_if_there(queue_.directory()));
    std::ranges::sort(entries);
    for (const auto& entry : entries) {
      // What fsck finds stands in the last; it is root's.
      if (entry[0] == '.' || entry == "lost+found") continue;
      const auto path = queue_.directory() + "/" + entry;
      if (!is_channel_name(entry))
        tell_strange(path, "", "not the name of a channel");
      else if (is_no_folder(path))
        tell_strange(path, "", kNoFolder);
      else if (wanted_.empty() || wanted_ == entry)
        look_at_channel(entry, path);
    }
    return {};
  }

 private:
  Result<> look_aside() {
    const auto folder = queue_.aside_folder();
    TRY(auto entries, list_if_there(folder));
    std::ranges::sort(entries);
    for (const auto& entry : entries) {
      const auto home = FileName::parse_aside(entry);
      DamagedFile file{.state = State::aside,
                       .path = folder + "/" + entry,
                       .channel = home ? home->channel : "",
                       .home = home ? home->relative() : "",
                       .envelope = {}};
      if (!wanted_.empty() && wanted_ != file.channel) continue;
      struct stat status {};
      if (::lstat(file.path.c_str(), &status) == 0) {
        file.bytes = static_cast<std::uint64_t>(status.st_size);
        file.since = status.st_ctime;  // being moved has changed it, and nothing should since
      }
      if (!read(file, home ? *home : FileName(), true)) found_(file);
    }
    return {};
  }

  void look_at_channel(const std::string& channel, const std::string& folder) {
    auto entries = list_if_there(folder);
    if (!entries) return tell_unreadable(folder, channel, entries.error().text);
    std::ranges::sort(*entries);
    for (const auto& entry : *entries) {
      const auto path = folder + "/" + entry;
      if (entry[0] == '.') continue;
      if (is_no_folder(path))
        tell_strange(path, channel, kNoFolder);
      else if (entry.size() == 3 && std::ranges::all_of(entry, is_digit))
        look_at_bucket(channel, entry, path);
      else
        tell_strange(path, channel, "not one of the folders 000 to 099");
    }
  }

  void look_at_bucket(const std::string& channel, const std::string& bucket, const std::string& folder) {
    auto entries = list_if_there(folder);
    if (!entries) return tell_unreadable(folder, channel, entries.error().text);
    std::ranges::sort(*entries);
    for (const auto& entry : *entries) {
      if (entry[0] == '.') continue;
      const auto path = folder + "/" + entry;
      if (const auto name = FileName::parse(channel + "/" + bucket + "/" + entry))
        look_at_file(*name, path);
      else
        tell_strange(path, channel, name.error().text);
    }
  }

  void look_at_file(const FileName& name, const std::string& path) {
    DamagedFile file{
        .path = path, .channel = name.channel, .home = name.relative(), .why = {}, .envelope = {}};
    const bool gone = read(file, name, messages_too_);
    if (gone || file.why.empty()) return;
    measure(file);
    if (const auto born = unique_id_ms(name.id)) file.since = *born / 1000;
    found_(file);
  }

  // What is wrong with it, if anything. True: it is gone.
  static bool read(DamagedFile& file, const FileName& name, bool message_too) {
    const auto reader = Reader::open_at(file.path, name);
    if (!reader) {
      file.why = without_path(reader.error().text, file.path);
      return is_gone(reader.error());
    }
    file.envelope = reader->envelope();
    if (!message_too) return false;
    if (const auto whole = reader->verify_message(); !whole)
      file.why = without_path(whole.error().text, file.path);
    return false;
  }

  static std::string without_path(const std::string& text, const std::string& path) {
    return text.starts_with(path + ": ") ? text.substr(path.size() + 2) : text;
  }

  static void measure(DamagedFile& file) {
    struct stat status {};
    if (::lstat(file.path.c_str(), &status) != 0) return;
    if (S_ISREG(status.st_mode)) file.bytes = static_cast<std::uint64_t>(status.st_size);
    file.since = status.st_mtime;
  }

  void tell_unreadable(const std::string& path, const std::string& channel, const std::string& why) {
    DamagedFile file{.path = path, .channel = channel, .home = {}, .why = why, .envelope = {}};
    measure(file);
    found_(file);
  }

  void tell_strange(const std::string& path, const std::string& channel, const std::string& why) {
    if (!wanted_.empty() && wanted_ != channel) return;
    DamagedFile file{
        .state = State::strange, .path = path, .channel = channel, .home = {}, .why = why, .envelope = {}};
    measure(file);
    found_(file);
  }

  const Queue& queue_;
  const std::string& wanted_;
  bool messages_too_;
  const std::function<void(const DamagedFile&)>& found_;
};

}  // namespace

Result<> find_damaged(const Queue& queue, const std::string& channel, bool messages_too,
                      const std::function<void(const DamagedFile&)>& found) {
  return Search(queue, channel, messages_too, found).run();
}

Result<std::size_t> count_set_aside(const Queue& queue) {
  TRY(const auto entries, list_if_there(queue.aside_folder()));
  return entries.size();
}

}  // namespace waxwing::mta::queue
