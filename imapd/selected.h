// The mailbox a session has selected: the store's view of it, and what the client has been told.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "imapd/parse/fetch_items.h"
#include "imapd/parse/sequence_set.h"
#include "store/mailbox.h"

namespace waxwing::imap {

struct Selected {
  store::MailboxName name;
  std::shared_ptr<store::Mailbox> mailbox;
  std::unique_ptr<store::View> view;
  bool read_only = false;
  std::vector<Range> saved;           // SEARCH RETURN (SAVE): UIDs
  std::vector<std::string> keywords;  // names by bit, as last announced

  // Sequence numbers a command's set names, sorted. Of numbers: permanent error when one is above
  // exists(). Of UIDs: those that are there, others are left out.
  Result<std::vector<Range>> sequences(const SequenceSet& set, bool by_uid) const;
  // The same messages as UIDs, for the store's writing functions.
  store::UidSet uids(const std::vector<Range>& sequences) const;

  // "(\Seen $Junk \Recent)"
  std::string flags_text(const store::MessageInfo& message, bool with_recent) const;
  // "(\Answered ... $Junk)": all that can be in this mailbox; permanent adds \*.
  std::string known_flags(bool permanent) const;
};

}  // namespace waxwing::imap
