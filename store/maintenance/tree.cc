#include "store/maintenance/tree.h"

#include <algorithm>

#include "common/base/file.h"
#include "common/base/is_there.h"
#include "common/base/path.h"
#include "common/base/strings.h"
#include "store/detail/errors.h"
#include "store/detail/paths.h"
#include "store/mailbox/index.h"

namespace waxwing::store {

namespace {
constexpr int kLevelsToMailbox = 4;  // =user/hh/hh/=uid/<mailbox>

// Calls visit for each directory so many levels below, by name; `relative` is it within the partition.
Result<> descend(const std::string& path, const std::string& relative, int levels,
                 const std::function<Result<>(const std::string& relative)>& visit) {
  if (levels == 0) return visit(relative);
  TRY(auto names, list_if_there(path + "/" + relative));
  std::sort(names.begin(), names.end());
  for (const auto& name : names) TRY_VOID(descend(path, relative + "/" + name, levels - 1, visit));
  return {};
}

// `directory` holds store.name; `relative` is it within the partition.
Result<FoundMailbox> look_at(const std::string& directory, const std::string& relative) {
  FoundMailbox found;
  found.entry.directory = relative;
  const auto text = read_file(directory + "/store.name", 4096);
  if (!text && text.error().fault == Fault::temporary) return std::unexpected(text.error());
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
  else if (header.error().fault == Fault::temporary && code_of(header.error()) != Code::corrupt)
    return std::unexpected(header.error());
  else
    found.damaged = true;
  return found;
}
}  // namespace

Result<> walk_partition(const std::string& nick, const std::string& path,
                        const std::function<Result<>(FoundMailbox)>& visit) {
  return descend(path, "=user", kLevelsToMailbox, [&](const std::string& relative) -> Result<> {
    const auto directory = path + "/" + relative;
    TRY(const bool is_mailbox, is_there(directory + "/store.name"));
    if (!is_mailbox) return {};
    TRY(auto found, look_at(directory, relative));
    found.entry.partition = nick;
    return visit(std::move(found));
  });
}

}  // namespace waxwing::store
