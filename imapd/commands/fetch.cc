// FETCH and UID FETCH: RFC 9051 §6.4.5, §7.5.2.
//
// A message's line is written only when all its parts have been found, so a damaged message never breaks the
// answer's syntax; large parts are then streamed. Memory is one batch of small messages, whatever is fetched.
#include <algorithm>

#include "common/log/log.h"
#include "imapd/commands/commands.h"
#include "imapd/fetch/line.h"

namespace waxwing::imap {
namespace {

struct Request {
  SequenceSet set;
  FetchPlan plan;
};

Result<Request> fetch_arguments(Scanner& in, bool by_uid) {
  Request request;
  TRY_VOID(in.space());
  TRY(request.set, SequenceSet::parse(in));
  TRY_VOID(in.space());
  TRY(auto fetch, parse_fetch(in));
  TRY_VOID(in.end());
  if (by_uid && !fetch.asks(FetchKind::uid))
    fetch.items.insert(fetch.items.begin(), {.kind = FetchKind::uid});
  if (fetch.changed_since && !fetch.asks(FetchKind::modseq))
    fetch.items.push_back({.kind = FetchKind::modseq});
  request.plan = FetchPlan::of(std::move(fetch));
  return request;
}

struct Outcome {
  std::uint32_t gone = 0;       // expunged by others, bytes no longer there
  std::optional<Error> damage;  // the last thing that could not be read
  bool unknown_encoding = false;
  store::UidSet to_be_seen;
};

void note_failure(Session& session, Outcome& outcome, const store::MessageInfo& message, Error error) {
  if (store::code_of(error) == store::Code::nonexistent) {
    ++outcome.gone;
    return;
  }
  log::Event("imap.fetch.failed")
      .with("sid", session.id())
      .with("uid", static_cast<std::int64_t>(message.uid))
      .with("error", error.text)
      .warning();
  outcome.damage = std::move(error);
}

// Whether the message can be told; if not, outcome knows why.
bool is_good(Session& session, const Wanted& wanted, Result<Material>& material, Outcome& outcome) {
  if (!material) {
    note_failure(session, outcome, wanted.message, std::move(material.error()));
    return false;
  }
  if (std::ranges::any_of(material->fetched.contents, &Content::unknown_encoding)) {
    outcome.unknown_encoding = true;
    return false;
  }
  if (!(wanted.message.flags & store::kSeen)) store::add_uid(outcome.to_be_seen, wanted.message.uid);
  return true;
}

// False: the connection has to end.
Task<bool> send_from_files(Session& session, const FetchPlan& plan, std::span<const Wanted> wanted,
                           Outcome& outcome) {
  while (!wanted.empty()) {
    auto batch = co_await read_batch(session, plan, wanted);
    for (std::size_t n = 0; n < batch.size(); ++n) {
      if (!is_good(session, wanted[n], batch[n], outcome)) continue;
      const bool sent = co_await send_line(session, plan, wanted[n], *batch[n]);
      if (!sent) co_return false;
      batch[n] = Material{};  // its bytes are in the output now
      const bool goes_on = co_await session.breathe();
      if (!goes_on) co_return false;
    }
    wanted = wanted.subspan(batch.size());
  }
  co_return true;
}

// On the loop, from index and cache. False: they do not suffice for this message.
bool write_now(Session& session, const FetchPlan& plan, const Wanted& wanted, Outcome& outcome) {
  if (plan.index_suffices) {
    static const Material nothing;
    write_line(session, plan, wanted, nothing);
    return true;
  }
  auto material = material_now(*session.selected()->mailbox, plan, wanted.message);
  if (!material) return false;
  Result<Material> good = std::move(*material);
  if (is_good(session, wanted, good, outcome)) write_line(session, plan, wanted, *good);
  return true;
}

// In order of the numbers: behind one that must be read from its file the others wait.
Task<bool> send_all(Session& session, const FetchPlan& plan, const std::vector<Range>& sequences,
                    Outcome& outcome) {
  const auto& view = *session.selected()->view;
  std::vector<Wanted> waiting;
  for (const auto& range : sequences)
    for (auto n = range.first; n <= range.last; ++n) {
      const Wanted wanted{n, view.message(n)};
      if (plan.fetch.changed_since && wanted.message.modseq <= *plan.fetch.changed_since) continue;
      bool goes_on = true;
      if (waiting.empty() && write_now(session, plan, wanted, outcome)) {
        if (session.stream().pending_output() >= Stream::kHighWater) goes_on = co_await session.breathe();
      } else {
        waiting.push_back(wanted);
        if (waiting.size() < kBatchMessages) continue;
        goes_on = co_await send_from_files(session, plan, waiting, outcome);
        waiting.clear();
      }
      if (!goes_on) co_return false;
    }
  const bool goes_on = co_await send_from_files(session, plan, waiting, outcome);
  co_return goes_on;
}

Answer concluded(const Outcome& outcome) {
  if (outcome.unknown_encoding) return Answer::no("[UNKNOWN-CTE] A part's transfer encoding is not known");
  if (outcome.damage) return answer_for(*outcome.damage);
  if (outcome.gone > 0) return Answer::no("[EXPUNGEISSUED] Some messages have been expunged");
  return Answer::ok("FETCH completed");
}

}  // namespace

Task<Answer> fetch(Session& session, Command& command) {
  const auto request = fetch_arguments(command.arguments, command.by_uid);
  if (!request) co_return bad_syntax(request.error());
  auto& selected = *session.selected();
  const auto sequences = selected.sequences(request->set, command.by_uid);
  if (!sequences) co_return bad_syntax(sequences.error());
  const auto& plan = request->plan;
  if (plan.fetch.asks(FetchKind::modseq)) session.enable_condstore();
  Outcome outcome;
  const bool sent = co_await send_all(session, plan, *sequences, outcome);
  if (!sent) {
    session.abandon();
    co_return Answer::no("");
  }
  if (plan.fetch.sets_seen() && !selected.read_only && !outcome.to_be_seen.empty()) {
    const store::FlagChange change{.how = store::FlagChange::How::add, .flags = store::kSeen};
    auto work = [&] { return selected.mailbox->store_flags(outcome.to_be_seen, change); };
    auto seen = co_await session.on_writer(work);
    if (!seen) co_return answer_for(seen.error());
  }
  co_return concluded(outcome);
}

}  // namespace waxwing::imap
