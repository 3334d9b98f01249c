#include "channels/master/records.h"

#include <algorithm>

#include "common/base/time.h"
#include "common/mail/header.h"
#include "mta/counters/counters.h"
#include "mta/mail_log/mail_log.h"

namespace waxwing::channels {

namespace {

using mta::mail_log::Entry;
using mta::queue::Status;

Entry common_part(Work& work, const std::string& file) {
  const auto& envelope = work.envelope();
  Entry entry;
  entry.modifiers = work.wire().modifiers;
  entry.source_channel = envelope.channel;
  entry.size_bytes = work.message().message_size();
  entry.sender = envelope.sender;
  entry.file = file;
  entry.envelope_id = envelope.envelope_id;
  entry.user = envelope.auth_user;
  entry.priority = mta::queue::priority_name(envelope.priority);
  entry.queue_time_s = std::max<std::int64_t>(0, wall_ms() - envelope.arrival_ms) / 1000;
  entry.transport = work.wire().transport;
  entry.application = work.wire().application;
  return entry;
}

// K stands for R and W where the sender wants to hear of neither.
char outcome_code(const mta::queue::Recipient& recipient, Status status, bool others_done) {
  if (status == Status::delivered) return 'D';
  if (status == Status::failed) return recipient.wants("FAILURE") ? 'R' : 'K';
  return others_done ? 'Z' : 'Q';
}

}  // namespace

// A unit counts once in each column that one of its recipients is in.
void count_settled(Work& work, const mta::MtaConfig& config, const std::vector<Settled>& settled) {
  using mta::counters::Count;
  std::uint64_t delivered = 0, failed = 0, attempted = 0;
  bool first = true;
  for (std::size_t k = 0; k < settled.size(); ++k) {
    const auto index = work.pending()[k];
    const bool tried = work.verdict(index).kind != Work::Kind::none;
    delivered += settled[k].status == Status::delivered ? 1 : 0;
    failed += settled[k].status == Status::failed ? 1 : 0;
    attempted += settled[k].status == Status::pending && tried && work.hold_reason().empty() ? 1 : 0;
    first &= settled[k].attempts <= 1;
  }
  const auto blocks = config.options().blocks_of(work.message().message_size());
  const auto once = [&](std::uint64_t of) { return std::uint64_t{of > 0 ? 1U : 0U}; };
  const auto seconds =
      static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall_ms() - work.envelope().arrival_ms) / 1000);
  const auto at_first = first ? once(delivered) : 0;
  mta::counters::add(config.root(), work.envelope().channel,
                     {{Count::delivered_messages, once(delivered)},
                      {Count::delivered_recipients, delivered},
                      {Count::delivered_blocks, once(delivered) * blocks},
                      {Count::delivered_first, at_first},
                      {Count::queue_seconds, once(delivered) * seconds},
                      {Count::queue_first_seconds, at_first * seconds},
                      {Count::attempted_messages, once(attempted)},
                      {Count::attempted_recipients, attempted},
                      {Count::attempted_blocks, once(attempted) * blocks},
                      {Count::failed_messages, once(failed)},
                      {Count::failed_recipients, failed},
                      {Count::failed_blocks, once(failed) * blocks}});
}

void record_settled(Work& work, const mta::MtaConfig& config, const std::vector<Settled>& settled) {
  const auto* channel = config.channel(work.envelope().channel);
  const auto file = work.message().name().relative();
  auto entry = common_part(work, file);
  std::string header, message_id, sensitivity;
  if (mta::mail_log::wants_header(config, channel)) {
    header = work.message().read_header().value_or("");
    const auto block = mail::HeaderBlock::scan(header);
    message_id = mail::unfold(block.value("Message-ID").value_or(""));
    sensitivity = mail::unfold(block.value("Sensitivity").value_or(""));
    if (mta::mail_log::logs_fields(config, channel)) entry.header = header;
    entry.message_id = message_id;
    entry.sensitivity = sensitivity;
  }
  const bool others_done =
      std::ranges::any_of(settled, [](const Settled& each) { return each.status != Status::pending; });
  for (std::size_t k = 0; k < settled.size(); ++k) {
    const auto index = work.pending()[k];
    const auto& recipient = work.envelope().recipients[index];
    const auto& verdict = work.verdict(index);
    entry.original = recipient.original;
    entry.address = recipient.address;
    entry.intermediate = recipient.intermediate;
    entry.notify = recipient.notify;
    entry.remote = verdict.remote_mta;
    entry.diagnostic = verdict.text;
    entry.reason = work.hold_reason();
    entry.action = outcome_code(recipient, settled[k].status, others_done);
    mta::mail_log::write(config, entry);
    entry.header = {};
    if (settled[k].status != Status::pending || !settled[k].tell) continue;
    entry.action = recipient.wants("DELAY") ? 'W' : 'K';
    mta::mail_log::write(config, entry);
  }
}

}  // namespace waxwing::channels
