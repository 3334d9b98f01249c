#include "mta/queue/envelope.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::mta::queue {

using spool::Records;
using spool::Tag;
using spool::TagIndex;

const char* priority_name(Priority priority) {
  switch (priority) {
    case Priority::nonurgent:
      return "nonurgent";
    case Priority::urgent:
      return "urgent";
    case Priority::normal:
      break;
  }
  return "normal";
}

Priority priority_of(int mt_priority) {
  constexpr int kUrgent = 4;
  return mt_priority >= kUrgent    ? Priority::urgent
         : mt_priority <= -kUrgent ? Priority::nonurgent
                                   : Priority::normal;
}

bool Recipient::has_flag(std::string_view word) const {
  const auto words = split_words(flags);
  return std::ranges::find(words, word) != words.end();
}

bool Recipient::wants(const char* event) const {
  // Without NOTIFY the sender hears of failure and delay: RFC 3461 §4.1.
  if (notify.empty()) return !iequals(event, "SUCCESS");
  for (const auto word : split(notify, ','))
    if (iequals(trim(word), event)) return true;
  return false;
}

namespace {
void add_text(Records& records, Tag tag, const std::string& value) {
  if (!value.empty()) records.add(tag, value);
}

Records to_records(const Recipient& recipient) {
  Records records;
  records.add(Tag::address, recipient.address);
  add_text(records, Tag::original, recipient.original);
  add_text(records, Tag::intermediate, recipient.intermediate);
  add_text(records, Tag::notify, recipient.notify);
  add_text(records, Tag::host, recipient.host);
  add_text(records, Tag::final_data, recipient.final_data);
  add_text(records, Tag::recipient_flags, recipient.flags);
  return records;
}

Result<Recipient> decode_recipient(std::string_view bytes) {
  TRY(const auto records, TagIndex::of(bytes));
  Recipient recipient;
  if (!records.has(Tag::address)) return permanent("a recipient without address");
  recipient.address = records.text(Tag::address);
  recipient.original = records.text(Tag::original);
  recipient.intermediate = records.text(Tag::intermediate);
  recipient.notify = records.text(Tag::notify);
  recipient.host = records.text(Tag::host);
  if (recipient.host.empty()) return permanent("recipient " + printable(recipient.address) + " has no host");
  recipient.final_data = records.text(Tag::final_data);
  recipient.flags = records.text(Tag::recipient_flags);
  return recipient;
}
}  // namespace

Records to_records(const Envelope& envelope) {
  Records records;
  records.add_number(Tag::arrival_ms, envelope.arrival_ms);
  add_text(records, Tag::email_id, envelope.email_id);
  add_text(records, Tag::queue_id, envelope.queue_id);
  add_text(records, Tag::channel, envelope.channel);
  records.add(Tag::sender, envelope.sender);
  add_text(records, Tag::envelope_id, envelope.envelope_id);
  add_text(records, Tag::ret, envelope.ret);
  add_text(records, Tag::source_channel, envelope.source_channel);
  add_text(records, Tag::auth_user, envelope.auth_user);
  add_text(records, Tag::client, envelope.client);
  add_text(records, Tag::helo, envelope.helo);
  add_text(records, Tag::session_id, envelope.session_id);
  add_text(records, Tag::body, envelope.body);
  if (envelope.smtputf8) records.add_number(Tag::smtputf8, 1);
  records.add_number(Tag::priority, static_cast<int>(envelope.priority));
  if (envelope.deferred_until_ms != 0) records.add_number(Tag::deferred_until_ms, envelope.deferred_until_ms);
  add_text(records, Tag::future_release, envelope.future_release);
  if (envelope.deliver_by_ms != 0) {
    records.add_number(Tag::deliver_by_ms, envelope.deliver_by_ms);
    records.add(Tag::deliver_by_mode,
                std::string(envelope.by_returns ? "R" : "N") + (envelope.by_trace ? "T" : ""));
  }
  add_text(records, Tag::submitter, envelope.submitter);
  if (envelope.require_tls) records.add_number(Tag::require_tls, 1);
  if (envelope.mt_priority) records.add_number(Tag::mt_priority, *envelope.mt_priority);
  add_text(records, Tag::held_reason, envelope.held_reason);
  for (const auto& recipient : envelope.recipients)
    records.add(Tag::recipient, to_records(recipient).encode());
  return records;
}

Result<Envelope> from_records(const Records& all) {
  const TagIndex records(all);
  Envelope envelope;
  envelope.queue_id = records.text(Tag::queue_id);
  envelope.email_id = records.text(Tag::email_id);
  envelope.channel = records.text(Tag::channel);
  envelope.sender = records.text(Tag::sender);
  envelope.envelope_id = records.text(Tag::envelope_id);
  envelope.ret = records.text(Tag::ret);
  envelope.source_channel = records.text(Tag::source_channel);
  envelope.auth_user = records.text(Tag::auth_user);
  envelope.client = records.text(Tag::client);
  envelope.helo = records.text(Tag::helo);
  envelope.session_id = records.text(Tag::session_id);
  envelope.body = records.text(Tag::body);
  envelope.smtputf8 = records.number(Tag::smtputf8) != 0;
  const auto priority = records.number(Tag::priority, 1);
  if (priority < 0 || priority > 2) return permanent("unknown priority " + std::to_string(priority));
  envelope.priority = static_cast<Priority>(priority);
  envelope.arrival_ms = records.number(Tag::arrival_ms);
  envelope.deferred_until_ms = records.number(Tag::deferred_until_ms);
  envelope.future_release = records.text(Tag::future_release);
  envelope.deliver_by_ms = records.number(Tag::deliver_by_ms);
  const auto mode = records.text(Tag::deliver_by_mode);
  envelope.by_returns = mode.starts_with('R');
  envelope.by_trace = mode.ends_with('T');
  envelope.submitter = records.text(Tag::submitter);
  envelope.require_tls = records.number(Tag::require_tls) != 0;
  if (records.has(Tag::mt_priority))
    envelope.mt_priority =
        static_cast<int>(std::clamp<std::int64_t>(records.number(Tag::mt_priority), -9, 9));
  envelope.held_reason = records.text(Tag::held_reason);
  if (!records.has(Tag::sender)) return permanent("an envelope without sender");
  envelope.recipients.reserve(records.recipients().size());
  for (const auto bytes : records.recipients()) {
    TRY(auto recipient, decode_recipient(bytes));
    envelope.recipients.push_back(std::move(recipient));
  }
  if (envelope.recipients.empty()) return permanent("an envelope without recipients");
  return envelope;
}

}  // namespace waxwing::mta::queue
