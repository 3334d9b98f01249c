// A mailbox of the system: an mbox file, or a Maildir. Blocks: for a worker.
//
// mbox: locked as other programs of the system lock it, by FILE.lock and by fcntl; the message goes to its end
// and is on disk before anything is answered; a failure takes back what was written. Maildir: written in tmp,
// on disk, then moved to new under a name that is the same when the delivery is repeated.
//
// Files are never followed through a symbolic link, nor written when they are somebody else's or have two names:
// who may write in the folder must not choose what is appended to.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/base/result.h"

namespace waxwing::channels {

struct Owner {
  std::string name, home;
  std::uint32_t uid = 0, gid = 0;
  bool lends_rights = false;  // what we do for it is done with its rights, see as_owner.h
};

struct NativeMessage {
  std::string sender;  // "" becomes MAILER-DAEMON in an mbox
  std::string id;      // the same whenever this recipient is delivered again
  std::string head;    // further header lines, with LF
  std::int64_t arrival_seconds = 0;
  std::function<Result<std::string>()> next;  // pieces with bare LF, "" at the end
};

// Temporary errors: locked for too long, no space, over quota. Permanent: not a mailbox we may write to.
Result<> append_to_mbox(const std::string& path, const Owner& owner, const NativeMessage& message,
                        std::int64_t lock_timeout_ms);
// path without '/' at its end; made when it is missing. A message that is in new already is synced only.
Result<> put_into_maildir(const std::string& path, const Owner& owner, const NativeMessage& message);

// "%u" user, "%h" home, "%%". Permanent error for anything else, and when the result is not absolute.
Result<std::string> mailbox_path(const std::string& pattern, const Owner& owner);

}  // namespace waxwing::channels
