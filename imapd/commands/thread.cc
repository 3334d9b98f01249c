// THREAD and UID THREAD: RFC 5256 §3, §4.
#include <optional>

#include "imapd/commands/commands.h"
#include "imapd/commands/sort_gather.h"
#include "imapd/parse/sort_program.h"
#include "imapd/sort/sorter.h"
#include "imapd/thread/ordered_subject.h"
#include "imapd/thread/references.h"

namespace waxwing::imap {
namespace {

Result<ThreadProgram> thread_arguments(Scanner& in) {
  TRY_VOID(in.space());
  return parse_thread(in);
}

// One command's way from keys to threads, in steps for a worker.
class Threads {
 public:
  Threads(MailboxKeys& keys, const FoundMessages& messages, ThreadAlgorithm algorithm)
      : algorithm_(algorithm),
        keys_(keys.thread_keys(messages.uids, algorithm == ThreadAlgorithm::references)),
        sorter_({keys.sent(messages.uids)}) {}

  // True when the forest is ready.
  bool step() {
    if (!sorted_) {
      sorted_ = sorter_.step();
      if (sorted_) order_ = sorter_.order();
      return false;
    }
    if (algorithm_ == ThreadAlgorithm::ordered_subject) {
      forest_ = ordered_subject(keys_, order_);
      return true;
    }
    if (!references_) references_.emplace(keys_, order_);
    if (!references_->step()) return false;
    forest_ = references_->take();
    return true;
  }
  const Forest& forest() const { return forest_; }

 private:
  ThreadAlgorithm algorithm_;
  ThreadKeys keys_;
  Sorter sorter_;
  bool sorted_ = false;
  std::vector<std::uint32_t> order_;
  std::optional<ReferencesThreader> references_;
  Forest forest_;
};

Task<Result<Forest>> threads(Session& session, ThreadAlgorithm algorithm, const FoundMessages& messages) {
  const unsigned wanted = kSent | kSubject | (algorithm == ThreadAlgorithm::references ? kIds : 0u);
  auto gathered = co_await gather_keys(session, wanted, messages);
  CO_TRY(const auto keys, std::move(gathered));
  std::optional<Threads> threads;
  auto begin = [&] { threads.emplace(*keys, messages, algorithm); };
  co_await session.on_worker(begin);
  for (bool done = false; !done;) {
    auto step = [&] { return threads->step(); };
    done = co_await session.on_worker(step);
  }
  co_return threads->forest();
}

Task<void> send(Session& session, const Forest& forest, std::span<const std::uint32_t> numbers) {
  session.write(forest.roots.empty() ? "* THREAD" : "* THREAD ");
  ForestWriter writer(forest, numbers);
  for (auto piece = writer.next(); !piece.empty(); piece = writer.next()) {
    session.write(piece);
    const bool goes_on = co_await session.breathe();
    if (!goes_on) co_return;
  }
  session.write("\r\n");
}

}  // namespace

Task<Answer> thread(Session& session, Command& command) {
  auto program = thread_arguments(command.arguments);
  if (!program) co_return bad_syntax(program.error());
  if (const auto known = settle_charset(program->search); !known) co_return Answer::no(known.error().text);
  if (program->search.root.uses_modseq()) session.enable_condstore();
  auto found = co_await found_messages(session, program->search);
  if (!found) co_return answer_for(found.error());
  auto forest = co_await threads(session, program->algorithm, *found);
  if (!forest) co_return answer_for(forest.error());
  co_await send(session, *forest, command.by_uid ? found->uids : found->sequences);
  co_await trim_keys(session);
  co_return Answer::ok("THREAD completed");
}

}  // namespace waxwing::imap
