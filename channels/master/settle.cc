#include "channels/master/settle.h"

#include "channels/master/records.h"

#include <algorithm>

#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/workers.h"
#include "mta/mail_log/mail_log.h"

namespace waxwing::channels {

using mta::notify::Action;
using mta::notify::Outcome;
using mta::queue::Progress;
using mta::queue::Status;

namespace {

constexpr std::int64_t kTryLaterMs = 5 * 60 * 1000;

// The mark of a recipient and what its sender may have to hear.
struct Decision {
  Progress progress;
  bool tell = false;
  bool demanded = false;  // by the sender's DELIVERBY, whatever NOTIFY says
  Action action = Action::failed;
};

// RFC 2852 §4.1.4: who asked for a trace, or to hear of a delay that the next host knows nothing of, hears of every
// relaying.
bool demands_report(const mta::queue::Envelope& envelope, const mta::queue::Recipient& recipient,
                    const Work::Verdict& verdict) {
  const bool silent = iequals(recipient.notify, "NEVER");
  return envelope.deliver_by_ms != 0 && !silent && (envelope.by_trace || verdict.deadline_lost);
}

Decision decide(const Work& work, std::size_t index, UnitMode mode, const mta::queue::ChannelPolicy& policy,
                std::int64_t now_ms) {
  const auto& envelope = work.envelope();
  const auto& verdict = work.verdict(index);
  Decision decision{envelope.recipients[index].progress};
  auto& progress = decision.progress;
  progress.last_text = verdict.text;
  if (mode == UnitMode::attempt) {
    progress.attempts += 1;
    progress.last_attempt_ms = now_ms;
  }
  if (verdict.kind == Work::Kind::delivered) {
    progress.status = Status::delivered;
    decision.demanded = demands_report(envelope, envelope.recipients[index], verdict);
    decision.tell =
        decision.demanded || (!verdict.next_host_reports && envelope.recipients[index].wants("SUCCESS"));
    decision.action = work.is_final() ? Action::delivered : Action::relayed;
    return decision;
  }
  if (verdict.kind == Work::Kind::failed) {
    progress.status = Status::failed;
    decision.tell = true;
    return decision;
  }
  const auto clock = envelope.clock();
  if (now_ms >= policy.return_at_ms(envelope.priority, clock)) {
    progress.status = Status::failed;
    decision.tell = true;
    decision.action = Action::timed_out;
    return decision;
  }
  const auto warnings = policy.notices_due(envelope.priority, clock, now_ms);
  decision.tell = warnings > progress.notices;
  decision.action = Action::delayed;
  progress.notices = std::max(progress.notices, warnings);
  return decision;
}

void log_recipient(const Work& work, std::size_t index, const Decision& decision) {
  const auto& envelope = work.envelope();
  const auto& recipient = envelope.recipients[index];
  const auto& verdict = work.verdict(index);
  const char* name = decision.progress.status == Status::delivered ? "mta.delivered"
                     : decision.progress.status == Status::failed  ? "mta.failed"
                     : !work.hold_reason().empty()                 ? "mta.held"
                                                                   : "mta.deferred";
  auto event = log::Event(name);
  event.with("qid", envelope.queue_id)
      .with("channel", envelope.channel)
      .with("source", envelope.source_channel)
      .with("from", envelope.sender)
      .with("to", recipient.address)
      .with("orcpt", recipient.original)
      .with("size", static_cast<std::int64_t>(work.message().message_size()))
      .with("attempts", decision.progress.attempts)
      .with("delay_ms", wall_ms() - envelope.arrival_ms)
      .with("reply", verdict.text.empty() ? work.hold_reason() : verdict.text);
  if (!verdict.remote_mta.empty()) event.with("host", verdict.remote_mta);
  for (const auto& [field, value] : verdict.fields) event.with(field, value);
  decision.progress.status == Status::delivered ? event.information() : event.notice();
}

void record(Work& work, const std::vector<Decision>& decisions, const mta::MtaConfig& config) {
  if (!work.hold_reason().empty())
    mta::mail_log::tell_held(config, work.envelope().channel, work.message().name().relative(),
                             work.hold_reason());
  std::vector<Settled> settled;
  for (const auto& decision : decisions)
    settled.push_back({decision.progress.status, decision.tell, decision.progress.attempts});
  count_settled(work, config, settled);
  if (mta::mail_log::is_logged(config.channel(work.envelope().channel)))
    record_settled(work, config, settled);
}

std::vector<Outcome> outcomes_of(const Work& work, const std::vector<Decision>& decisions) {
  std::vector<Outcome> outcomes;
  const auto& pending = work.pending();
  for (std::size_t k = 0; k < pending.size(); ++k) {
    if (!decisions[k].tell) continue;
    const auto& verdict = work.verdict(pending[k]);
    outcomes.push_back({&work.envelope().recipients[pending[k]], decisions[k].action, verdict.text,
                        verdict.remote_mta, decisions[k].demanded});
  }
  return outcomes;
}

// Marks in place. Without them a recipient is served again, so the first error defers the unit.
Result<> write_marks(Work& work, const std::vector<Decision>& decisions) {
  for (std::size_t k = 0; k < decisions.size(); ++k)
    TRY_VOID(work.message().mark(work.pending()[k], decisions[k].progress));
  return {};
}

// Nobody else has anything left to do in this file: all its recipients are done, or are of this host and done
// now.
bool settles_file(const Work& work, const std::vector<Decision>& decisions) {
  return work.message().left() == decisions.size() &&
         std::ranges::none_of(
             decisions, [](const Decision& decision) { return decision.progress.status == Status::pending; });
}

// 0: as the channel's backoff has it, which the job controller knows.
std::int64_t retry_ms(const Work& work, const std::vector<Decision>& decisions,
                      const mta::queue::ChannelPolicy& policy, std::int64_t now_ms) {
  if (work.retry_at_ms() != 0 || work.retry_by_ms() == 0) return work.retry_at_ms();
  unsigned attempts = 0;
  for (const auto& decision : decisions) attempts = std::max(attempts, decision.progress.attempts);
  const auto backoff = policy.backoff_ms(work.envelope().priority, attempts);
  return now_ms + backoff > work.retry_by_ms() ? work.retry_by_ms() : 0;
}

UnitReport deferred_report(const Work& work, UnitMode mode, const std::vector<Decision>& decisions,
                           const mta::queue::ChannelPolicy& policy, std::int64_t now_ms) {
  UnitReport report;
  report.kind = UnitReport::Kind::deferred;
  report.until_ms = retry_ms(work, decisions, policy, now_ms);
  report.attempted = mode == UnitMode::attempt;
  report.host_down = !work.host_down_reason().empty();
  report.congested = work.is_congested();
  report.text = work.host_down_reason();
  for (const auto& decision : decisions) report.notices = std::max(report.notices, decision.progress.notices);
  return report;
}

UnitReport trouble(const Work& work, const Error& error, std::int64_t now_ms) {
  log::Event("master.unsettled").with("qid", work.queue_id()).with("why", error.text).error();
  return {.kind = UnitReport::Kind::deferred,
          .until_ms = now_ms + kTryLaterMs,
          .attempted = false,
          .text = error.text};
}

}  // namespace

void judge_untried(Work& work, UnitMode mode, const std::string& why) {
  if (mode == UnitMode::give_back)
    work.fail_rest("5.0.0 returned by the postmaster");
  else
    work.defer_rest(why.empty() ? "4.4.1 the host cannot be reached" : "4.4.1 " + why);
}

namespace {
// Freeing the blocks of a large file that is linked nowhere else takes the kernel a while.
Task<Result<>> remove_file(Work& work, SettleContext context) {
  constexpr std::uint64_t kOnWorkerBytes = 1 << 20;
  const auto& message = work.message();
  if (message.message_size() < kOnWorkerBytes) co_return context.queue.remove(message.name());
  auto removed = co_await context.workers.run([&] { return context.queue.remove(message.name()); });
  co_return removed;
}
// The notifications that are due, durable when it answers. On failure what can be kept is in the marks.
Task<Result<>> send_notices(Work& work, std::vector<Decision>& decisions, SettleContext context) {
  auto outcomes = outcomes_of(work, decisions);
  if (outcomes.empty()) co_return Result<>();
  // The texts tell of the attempt that has just been made.
  for (std::size_t k = 0; k < decisions.size(); ++k) {
    auto progress = decisions[k].progress;
    progress.status = Status::pending;
    progress.notices = work.envelope().recipients[work.pending()[k]].progress.notices;
    auto noted = work.message().mark(work.pending()[k], progress);
    if (!noted) co_return noted;
  }
  auto sent = co_await context.notifier.send(work.message(), std::move(outcomes));
  if (sent) co_return Result<>();
  // What has been delivered stays delivered; who must be told of a failure is tried again.
  for (auto& decision : decisions)
    if (decision.progress.status != Status::delivered) decision.progress.status = Status::pending;
  (void)write_marks(work, decisions);
  co_return std::unexpected(sent.error());
}

// The file has no recipient left. Where it cannot be removed, its marks must say so.
Task<Result<>> end_file(Work& work, const std::vector<Decision>& decisions, SettleContext context) {
  auto removed = co_await remove_file(work, context);
  if (removed) co_return Result<>();
  log::Event("queue.not_removed").with("qid", work.queue_id()).with("why", removed.error().text).error();
  auto marked = write_marks(work, decisions);
  if (!marked) co_return marked;
  auto synced = co_await commit_durably(work.message().sync_marks());
  co_return synced;
}
}  // namespace

Task<UnitReport> settle(Work& work, UnitMode mode, SettleContext context, std::int64_t now_ms) {
  if (work.hold_reason().empty()) work.defer_rest("4.3.0 no outcome");
  std::vector<Decision> decisions;
  for (const auto i : work.pending())
    decisions.push_back(work.verdict(i).kind == Work::Kind::none
                            ? Decision{work.envelope().recipients[i].progress}
                            : decide(work, i, mode, context.policy, now_ms));
  auto told = co_await send_notices(work, decisions, context);
  if (!told) co_return trouble(work, told.error(), now_ms);
  // No mark is needed on what is removed in the next moment.
  const bool last = settles_file(work, decisions);
  auto marked = last ? Result<>() : write_marks(work, decisions);
  if (!marked) co_return trouble(work, marked.error(), now_ms);
  for (std::size_t k = 0; k < decisions.size(); ++k) log_recipient(work, work.pending()[k], decisions[k]);
  record(work, decisions, context.config);
  auto all_done = last ? Result<bool>(true) : work.message().all_done();
  if (!all_done) co_return trouble(work, all_done.error(), now_ms);
  if (*all_done) {
    auto ended = co_await end_file(work, decisions, context);
    co_return ended ? UnitReport{.left_queue = true} : trouble(work, ended.error(), now_ms);
  }
  const bool lasting = std::ranges::any_of(decisions, [](const Decision& decision) {
    return decision.progress.status != Status::pending || decision.progress.notices > 0;
  });
  if (lasting) {
    auto synced = co_await commit_durably(work.message().sync_marks());
    if (!synced)
      log::Event("queue.marks_not_synced")
          .with("qid", work.queue_id())
          .with("why", synced.error().text)
          .error();
  }
  if (!work.hold_reason().empty())
    co_return UnitReport{.kind = UnitReport::Kind::held, .text = work.hold_reason()};
  const bool waits = std::ranges::any_of(
      decisions, [](const Decision& decision) { return decision.progress.status == Status::pending; });
  co_return waits ? deferred_report(work, mode, decisions, context.policy, now_ms) : UnitReport{};
}

}  // namespace waxwing::channels
