#include "imapd/status_text.h"

namespace waxwing::imap {

std::string status_text(const store::Status& status, const StatusItems& items) {
  std::string text = "(";
  const auto add = [&](bool wanted, const char* name, const std::string& value) {
    if (!wanted) return;
    if (text.size() > 1) text += ' ';
    text += name;
    text += ' ';
    text += value;
  };
  add(items.messages, "MESSAGES", std::to_string(status.messages));
  add(items.recent, "RECENT", std::to_string(status.recent));
  add(items.uidnext, "UIDNEXT", std::to_string(status.uidnext));
  add(items.uidvalidity, "UIDVALIDITY", std::to_string(status.uidvalidity));
  add(items.unseen, "UNSEEN", std::to_string(status.unseen));
  add(items.deleted, "DELETED", std::to_string(status.deleted));
  add(items.size, "SIZE", std::to_string(status.size));
  add(items.highest_modseq, "HIGHESTMODSEQ", std::to_string(status.highestmodseq));
  add(items.mailbox_id, "MAILBOXID", "(" + status.mailbox_id + ")");
  return text + ")";
}

}  // namespace waxwing::imap
