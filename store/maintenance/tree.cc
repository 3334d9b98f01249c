#include "store/maintenance/tree.h"

#include <algorithm>

#include "common/base/file.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
std::vector<std::string> sorted_names(const std::string& directory) {
  auto names = list_directory(directory);
  if (!names) return {};
  std::sort(names->begin(), names->end());
  return std::move(*names);
}

// `directory` holds store.name; `relative` is it within the partition.
FoundMailbox look_at(const std::string& directory, const std::string& relative) {
  FoundMailbox found;
  found.entry.directory = relative;
  const auto text = read_file(directory + "/store.name", 4096);
  if (!text) {
    found.problem = text.error().text;
    return found;
  }
  auto name = MailboxName::parse(trim(*text));
  if (!name) {
    found.problem = directory + "/store.name: " + name.error().text;
    return found;
  }
  found.entry.name = std::move(*name);
  found.entry.id = directory.substr(directory.find_last_of('/') + 1);
  if (user_directory(found.entry.name.user) != parent_directory(relative))
    found.problem = directory + " lies in the directory of another user than " + found.entry.name.user;
  const auto header = read_index_header(index_path(directory));
  if (header && header->state & kMailboxGone)
    found.problem = directory + " was deleted";
  else if (header)
    found.entry.uidvalidity = header->uidvalidity;
  else
    found.damaged = true;
  return found;
}
}  // namespace

void walk_partition(const std::string& nick, const std::string& path,
                    const std::function<void(const FoundMailbox&)>& visit) {
  for (const auto& first : sorted_names(path + "/=user"))
    for (const auto& second : sorted_names(path + "/=user/" + first))
      for (const auto& user : sorted_names(path + "/=user/" + first + "/" + second)) {
        const auto account = "=user/" + first + "/" + second + "/" + user;
        for (const auto& id : sorted_names(path + "/" + account)) {
          const auto directory = path + "/" + account + "/" + id;
          if (!file_exists(directory + "/store.name")) continue;
          auto found = look_at(directory, account + "/" + id);
          found.entry.partition = nick;
          visit(found);
        }
      }
}

}  // namespace waxwing::store
