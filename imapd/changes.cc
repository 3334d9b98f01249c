// Untagged answers for what happened in the selected mailbox: RFC 9051 §7.4 and §7.5, RFC 7162 §3.2.
#include "imapd/message_line.h"
#include "imapd/session.h"

namespace waxwing::imap {
namespace {

void announce_keywords(Session& session, Selected& selected) {
  selected.keywords = selected.mailbox->keywords();
  session.untagged("FLAGS " + selected.known_flags(false));
  if (selected.read_only)
    session.untagged("OK [PERMANENTFLAGS ()] Read-only mailbox");
  else
    session.untagged("OK [PERMANENTFLAGS " + selected.known_flags(true) + "] Flags that are kept");
}

}  // namespace

Task<void> Session::report_changes(bool allow_expunge, bool with_uid) {
  if (!selected_ || !selected_->view->stale()) co_return;
  const auto changes = selected_->view->sync(allow_expunge);
  if (changes.deleted) {
    untagged("BYE The selected mailbox has been deleted, or made anew: log in and select it again");
    finish();
    co_return;
  }
  for (const auto sequence : changes.expunged) {
    untagged(std::to_string(sequence) + " EXPUNGE");
    const bool goes_on = co_await breathe();
    if (!goes_on) co_return;
  }
  if (changes.new_messages) {
    untagged(std::to_string(changes.exists) + " EXISTS");
    if (!rev2_) untagged(std::to_string(changes.recent) + " RECENT");
  }
  if (changes.keywords_grew) announce_keywords(*this, *selected_);
  for (const auto sequence : changes.changed) {
    const auto message = selected_->view->message(sequence);
    write(flags_line(*this, sequence, message, {.uid = with_uid, .flags = true, .modseq = condstore_}));
    const bool goes_on = co_await breathe();
    if (!goes_on) co_return;
  }
}

}  // namespace waxwing::imap
