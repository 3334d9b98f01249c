#include "store/mailbox/message_files.h"

#include <algorithm>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/spool/message_file.h"
#include "store/detail/paths.h"
#include "store/mailbox/files.h"

namespace waxwing::store {

Result<MessageFiles> find_message_files(const std::string& mailbox_directory) {
  MessageFiles found;
  TRY(const auto names, list_directory(mailbox_directory));
  for (const auto& name : names) {
    if (!to_number<std::uint32_t>(name)) continue;
    const auto files = list_directory(mailbox_directory + "/" + name);
    if (!files && files.error().fault == Fault::permanent) continue;  // no directory
    if (!files) return std::unexpected(files.error());
    for (const std::string_view file : *files) {
      const auto end = file.find(".msg");
      if (end == file.npos) continue;
      const auto uid = to_number<std::uint32_t>(file.substr(0, end));
      if (!uid || *uid == 0 || *uid >= kMostUids) continue;
      const auto own = message_path(mailbox_directory, *uid);
      if (!(mailbox_directory + "/" + name + "/").append(file).starts_with(own)) continue;
      found.highest = std::max(found.highest, *uid);
      if (file.ends_with(".msg")) found.uids.push_back(*uid);
    }
  }
  std::sort(found.uids.begin(), found.uids.end());
  return found;
}

bool holds_message(const std::string& mailbox_directory, std::uint32_t uid, std::uint64_t email_id) {
  if (email_id == 0) return false;
  const auto file = spool::MessageFile::open(message_path(mailbox_directory, uid));
  if (!file) return false;
  const auto id = file->records().text(spool::Tag::email_id);
  if (!id.empty()) return email_id_of(id, {}) == email_id;
  const auto bytes = file->read_message(0, file->message_size());
  return bytes && email_id_of({}, *bytes) == email_id;
}

}  // namespace waxwing::store
