// Move: however many move a message at the same time, it ends in exactly one place.
//
// The copies become durable while they are still hidden (reserved). Then, under the locks of both mailboxes, the
// messages that are still here are picked out, their copies shown and the others' given up, and they are expunged.
// Who comes second finds nothing that is still here, and shows nothing. Why this order:
// * Killed before a copy is shown: the target's next writer gives the reserved slots up, and nothing has gone here.
// * Killed after that: messages are in both places, in none is never one, and nobody was answered.
// * Power cut: what was expunged here has its copy on disk since the first commit. There it may be reserved still,
//   and counts when its file is whole; for itself, not with those beside it, for some of them may be void.
// * A copy that was given up is committed as void before the answer, or the cut would bring it back.
#include "common/base/failpoint.h"
#include "store/detail/errors.h"
#include "store/mailbox/files.h"
#include "store/mailbox/index_ranges.h"

namespace waxwing::store {

namespace {
struct BothLocked {
  Generation from;
  std::unique_ptr<Index::Writer> source, target;  // target: null when both are one mailbox
  Index::Writer& of_target() const { return target ? *target : *source; }
};

// Everybody takes the two locks in the same order, so nobody who moves the other way waits for us for ever.
Result<BothLocked> lock_both(const MailboxFiles& source, const Landing& landing) {
  const auto& target = landing.mailbox();
  const auto lock_target = [&] { return landing.generation().index->lock(target.account()); };
  const int order = source.directory().compare(target.directory());
  BothLocked both;
  if (order == 0) {
    both.from = landing.generation();  // nobody replaces an index in which a slot is reserved
    TRY(both.source, lock_target());
    return both;
  }
  if (order > 0) {
    TRY(both.target, lock_target());
  }
  TRY(auto locked, source.lock());
  both.from = std::move(locked.generation);
  both.source = std::move(locked.writer);
  if (order < 0) {
    TRY(both.target, lock_target());
  }
  return both;
}

// The slot of each, while it is live.
std::vector<std::optional<std::uint32_t>> still_here(const Index::Writer& writer,
                                                     const std::vector<std::uint32_t>& uids) {
  std::vector<std::optional<std::uint32_t>> slots;
  for (const auto uid : uids) {
    auto slot = slot_of(writer.map(), writer.count(), uid);
    if (slot && (load(writer.map().record(*slot).flags) & kDead) != 0) slot.reset();
    slots.push_back(slot);
  }
  return slots;
}
}  // namespace

Result<Copied> MailboxFiles::move(const UidSet& uids, Mailbox& target, QuotaLimit limit) {
  auto* const to = dynamic_cast<MailboxFiles*>(&target);
  if (to == nullptr) return bug("move into a mailbox of another kind");
  // What goes from one folder to another of the same user is no more than before.
  const bool same_user = to->account_->directory() == account_->directory();
  std::vector<std::uint32_t> picked;
  TRY(auto messages, pick(uids, picked));
  if (messages.empty()) return Copied{.uidvalidity = to->entry().uidvalidity, .from = {}, .to = {}};
  TRY(auto landing, to->land(messages, same_user ? QuotaLimit{} : limit, false));
  durable::Batch batch;
  landing.add_to(batch);
  TRY_VOID(durable::commit(std::move(batch)));
  TRY_VOID(failpoint("store.move.copied"));
  landing.wait_for_turn();
  return hand_over(picked, landing);
}

Result<Copied> MailboxFiles::hand_over(const std::vector<std::uint32_t>& picked, Landing& landing) {
  const auto& to = landing.mailbox();
  Copied moved;
  moved.uidvalidity = landing.uidvalidity();
  TRY(auto both, lock_both(*this, landing));
  const auto slots = still_here(*both.source, picked);
  std::vector<bool> ours;
  for (std::size_t n = 0; n < slots.size(); ++n) {
    ours.push_back(slots[n].has_value());
    if (ours[n]) moved.from.push_back(picked[n]);
  }
  const auto given_up = landing.publish_some(both.of_target(), ours);
  const auto shown_modseq = to.account().last_modseq();
  TRY_VOID(failpoint("store.move.shown"));
  Gone gone;
  for (const auto& slot : slots)
    if (slot) gone.add(*both.source, *slot);
  account_->add_usage(-gone.freed.bytes, -gone.freed.messages);
  both.source.reset();
  both.target.reset();
  moved.to = landing.uids();
  if (!moved.to.empty()) to.tell(EventKind::appended, moved.to.front(), moved.to.back(), shown_modseq);
  if (!given_up.empty()) TRY_VOID(commit_records(landing.generation().index, given_up, 0));
  TRY_VOID(commit_expunge(both.from, gone));
  return moved;
}

}  // namespace waxwing::store
