// Rebuilding one mailbox from its message files: what reconstruct does, and what happens by itself when a
// damaged index is opened.
#pragma once

#include <cstdint>
#include <string>

#include "common/base/result.h"
#include "store/mailbox/account.h"
#include "store/store.h"

namespace waxwing::store {

struct RebuildOptions {
  bool check_only = false;     // say what would be done
  bool force = false;          // rebuild even when index and files agree; parse every message again
  bool ignore_index = false;   // take nothing from the old index: flags are lost
  bool forget_purged = false;  // drop store.exp first: files that a purge left behind come back
};
struct RebuildReport {
  bool rebuilt = false;
  std::uint32_t messages = 0;     // what was expunged and waits for a purge is none
  std::uint32_t found = 0;        // message files that the index did not have
  std::uint32_t lost = 0;         // in the index, but the file is gone
  std::uint32_t damaged = 0;      // files that are not whole: set aside as <uid>.bad
  std::uint32_t uidvalidity = 0;  // that it has now
  std::string reason;             // why it was, or would be, rebuilt; empty: all in order
};

// Message files are the truth for which messages there are; flags, dates and keywords come from what is
// whole of the old index. Where that cannot tell the next UID, the mailbox gets a new UIDVALIDITY, above
// entry.uidvalidity: nobody can know which UIDs were spent. Others may have the mailbox open: they move to the
// new index as after a purge, or end their sessions when its UIDVALIDITY is another. Blocks.
Result<RebuildReport> rebuild_mailbox(const MailboxEntry& entry, Account& account,
                                      const RebuildOptions& options);

}  // namespace waxwing::store
