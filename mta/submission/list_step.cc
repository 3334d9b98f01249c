// A list that was left to the process channel: its message first, then its members, a slice at a time.
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/address/sequence.h"
#include "mta/mail_log/mail_log.h"
#include "mta/submission/detail/detours.h"
#include "mta/submission/detail/log_records.h"
#include "mta/submission/detail/state.h"

namespace waxwing::mta {

namespace {
// Members in memory at once, and recipients of one queue file at most.
constexpr std::size_t kSliceMembers = 2000;
}  // namespace

Task<Verdict> Submission::list(std::string address, RecipientOptions options, std::string state,
                               std::string approved) {
  Inner& inner = *inner_;
  if (!inner.config || !inner.given.empty()) co_return Verdict{503, "5.5.1", "Sender first, one list only"};
  auto known = ListState::decode(state);
  if (!known) co_return Verdict{554, "5.3.0", known.error().text};
  ResolveRequest request;
  request.address = std::move(address);
  request.source = inner.config->channel(known->source);
  if (!request.source) request.source = inner.channel;
  request.envelope_from = known->sender;
  request.auth_sender = known->auth_sender;
  request.connection = known->connection;
  request.size_bytes = inner.options.size_bytes;
  request.lists = Lists::head;
  request.state = std::move(*known);
  request.approved = std::move(approved);
  auto verdict = co_await inner.resolve(std::move(request), std::move(options));
  co_return verdict;
}

Submission::ListTrace Submission::list_trace() const {
  ListTrace trace;
  if (!inner_->list) return trace;
  const auto& list = *inner_->list;
  if (list.effects.tell_recipient) trace.recipient = list.request.address;
  if (list.effects.tell_sender) trace.sender = list.request.state.sender;
  return trace;
}

Task<Verdict> Submission::Inner::number_message() {
  auto draw = [this] {
    const Lookup lookup{*config, &submitter->view(), directory::Ask::may_block};
    return next_in_sequence(lookup, list->effects.sequence, 1, 10, 0);
  };
  auto drawn = co_await workers().run(draw);
  if (!drawn) {
    log::Event("mta.list.number")
        .with("list", list->request.address)
        .with("error", drawn.error().text)
        .error();
    co_return fail(verdict_of(drawn.error()));
  }
  list->number = to_number<std::uint64_t>(*drawn).value_or(0);
  co_return Verdict{};
}

Verdict Submission::Inner::add_slice() {
  const Lookup lookup{*config, &submitter->view(), directory::Ask::may_block};
  auto asked = ask_conversions(lookup, *this);
  if (asked) asked = ask_charset_conversion(lookup, *this);
  if (!asked) return verdict_of(asked.error());
  auto envelopes = make_envelopes(*this);
  destinations.clear();
  for (auto& envelope : envelopes) {
    if (wants_form(*this, envelope)) {
      list->formed.push_back(std::move(envelope));
      continue;
    }
    const auto added = writer->add(envelope);
    if (!added) {
      log::Event("mta.queue.failed").with("qid", queue_id).with("error", added.error().text).error();
      return verdict_of(added.error());
    }
    log_accepted(*this, {envelope}, {*added}, writer->size_bytes());
    list->written[envelope.channel] += envelope.recipients.size();
    if (!mail_log::is_logged(config->channel(envelope.channel))) continue;
    auto& file = list->logged.emplace_back();
    for (const auto& recipient : envelope.recipients) pack_recipient(recipient, file.recipients);
    envelope.recipients.clear();
    file.envelope = std::move(envelope);
    file.name = *added;
  }
  return {};
}

Verdict Submission::Inner::expand_list() {
  const Lookup lookup{*config, &submitter->view(), directory::Ask::may_block};
  Verdict disk_trouble;
  const std::function<Result<>(Recipient &&)> sink = [&](Recipient&& member) -> Result<> {
    const auto address = member.expanded;
    auto taken = member_limits(member);
    if (taken.ok()) taken = take(std::move(member), {}, list->request.address, list->options);
    if (!taken.ok()) {
      log::Event("mta.member.refused")
          .with("qid", queue_id)
          .with("list", list->request.address)
          .with("member", address)
          .with("reason", taken.text)
          .warning();
      record_refused(*this, address, taken);
      return {};
    }
    ++list->members;
    if (destinations.size() < kSliceMembers) return {};
    disk_trouble = add_slice();
    return disk_trouble.ok() ? Result<>() : temporary(disk_trouble.text);
  };
  auto& request = list->request;
  request.lists = Lists::members;
  request.sink = &sink;
  const auto outcome = resolve_recipient(lookup, request);
  request.sink = nullptr;
  if (!disk_trouble.ok()) return disk_trouble;
  if (!outcome) {
    log::Event("mta.list.failed")
        .with("qid", queue_id)
        .with("list", request.address)
        .with("error", outcome.error().text)
        .warning();
    return verdict_of(outcome.error());
  }
  if (!*outcome) return verdict_of(outcome->error());
  log_member_problems(*this, request.address, **outcome);
  if (list->members == 0) return {550, "5.2.4", "no member of the list can be reached"};
  log::Event("mta.list.expanded")
      .with("qid", queue_id)
      .with("list", request.address)
      .with("members", static_cast<std::int64_t>(list->members))
      .information();
  return destinations.empty() ? Verdict{} : add_slice();
}

}  // namespace waxwing::mta
