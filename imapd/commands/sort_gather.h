// The messages a SORT or THREAD is about, and their keys.
#pragma once

#include "imapd/search/walk.h"
#include "imapd/sort/mailbox_keys.h"

namespace waxwing::imap {

// Found messages in ascending order.
struct FoundMessages {
  std::vector<std::uint32_t> sequences, uids;
  std::uint64_t highest_modseq = 0;
};
Task<Result<FoundMessages>> found_messages(Session& session, const SearchProgram& program);

// The keys of the selected mailbox, these columns known for all those UIDs. Headers are read from the cache
// on workers, a few milliseconds at a time. What has been expunged meanwhile sorts as if it had no header.
Task<Result<std::shared_ptr<MailboxKeys>>> gather_keys(Session& session, unsigned columns,
                                                       const FoundMessages& messages);
// To be awaited when the command is done.
Task<void> trim_keys(Session& session);

}  // namespace waxwing::imap
