#include "mta/submission/detail/log_records.h"

#include <cstring>
#include <map>

#include "common/mail/header.h"
#include "mta/counters/counters.h"
#include "mta/mail_log/mail_log.h"

namespace waxwing::mta {

namespace {

using mail_log::Entry;

// Texts that an Entry's views show.
struct Texts {
  std::string system, message_id, sensitivity, diagnostic, original;
};

Entry common_part(const Submission::Inner& inner, Texts& texts) {
  const auto& source = inner.source;
  texts.system = source.application_info.substr(source.application_info.find('/') + 1);
  if (const auto pieces = split(source.transport_info, '|'); pieces.size() == 5)
    texts.system.append(" ([").append(pieces[3]).append("])");
  Entry entry;
  entry.modifiers.esmtp = source.esmtp;
  entry.modifiers.lmtp = source.lmtp;
  entry.modifiers.chunking = source.chunking;
  entry.modifiers.tls = source.tls;
  entry.modifiers.sasl = !source.auth_user.empty();
  entry.source_channel = source.channel;
  entry.sender = inner.sender;
  entry.envelope_id = inner.options.envelope_id;
  entry.user = source.auth_user;
  entry.system = texts.system;
  entry.transport = source.transport_info;
  return entry;
}

void add_header(const Submission::Inner& inner, Texts& texts, Entry& entry) {
  if (!inner.fields_logged && mail_log::logs_fields(*inner.config, inner.channel))
    entry.header = inner.logged_header;
  if (inner.logged_header.empty()) return;
  const auto block = mail::HeaderBlock::scan(inner.logged_header);
  texts.message_id = mail::unfold(block.value("Message-ID").value_or(""));
  texts.sensitivity = mail::unfold(block.value("Sensitivity").value_or(""));
  entry.message_id = texts.message_id;
  entry.sensitivity = texts.sensitivity;
}

}  // namespace

void count_enqueued(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                    std::uint64_t size_bytes) {
  using counters::Count;
  const auto& config = *inner.config;
  const auto blocks = config.options().blocks_of(size_bytes);
  std::map<std::string, std::uint64_t> recipients;
  if (inner.list) recipients = inner.list->written;
  for (const auto& envelope : envelopes) recipients[envelope.channel] += envelope.recipients.size();
  std::uint64_t all = 0;
  for (const auto& [channel, number] : recipients) {
    all += number;
    counters::add(config.root(), channel,
                  {{Count::received_messages, 1},
                   {Count::received_recipients, number},
                   {Count::received_blocks, blocks}});
  }
  counters::add(config.root(), inner.source.channel,
                {{Count::submitted_messages, 1},
                 {Count::submitted_recipients, all},
                 {Count::submitted_blocks, blocks}});
}

void record_enqueued(Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                     const std::vector<queue::FileName>& files, std::uint64_t size_bytes) {
  std::optional<Texts> texts;  // made when a channel is logged
  Entry entry;
  for (std::size_t i = 0; i < envelopes.size() && i < files.size(); ++i) {
    const auto& envelope = envelopes[i];
    if (!mail_log::is_logged(inner.config->channel(envelope.channel))) continue;
    if (!texts) {
      entry = common_part(inner, texts.emplace());
      add_header(inner, *texts, entry);
    }
    const auto file = files[i].relative();
    entry.action = 'E';
    entry.size_bytes = size_bytes;
    entry.destination_channel = envelope.channel;
    entry.sender = envelope.sender;
    entry.file = file;
    entry.priority = queue::priority_name(envelope.priority);
    entry.reason = envelope.held_reason;
    entry.filter = inner.filter_note;
    for (const auto& recipient : envelope.recipients) {
      entry.original = recipient.original;
      entry.address = recipient.address;
      entry.intermediate = recipient.intermediate;
      entry.notify = recipient.notify;
      mail_log::write(*inner.config, entry);
      inner.fields_logged = true;
      entry.header = {};
    }
  }
}

// Fields with their lengths in front: an address may hold any byte.
void pack_recipient(const queue::Recipient& recipient, std::string& packed) {
  for (const auto* field :
       {&recipient.address, &recipient.original, &recipient.intermediate, &recipient.notify}) {
    const auto length = static_cast<std::uint32_t>(field->size());
    packed.append(reinterpret_cast<const char*>(&length), sizeof length).append(*field);
  }
}

void record_listed(Submission::Inner& inner, std::uint64_t size_bytes) {
  for (auto& file : inner.list->logged) {
    std::string_view packed = file.recipients;
    const auto field = [&packed] {
      std::uint32_t length = 0;
      std::memcpy(&length, packed.data(), sizeof length);
      std::string text(packed.substr(sizeof length, length));
      packed.remove_prefix(sizeof length + length);
      return text;
    };
    auto& recipients = file.envelope.recipients;
    while (!packed.empty()) {
      auto& recipient = recipients.emplace_back();
      for (auto* to : {&recipient.address, &recipient.original, &recipient.intermediate, &recipient.notify})
        *to = field();
    }
    record_enqueued(inner, {file.envelope}, {file.name}, size_bytes);
    recipients = {};
    mail_log::flush();  // a list may have more members than there should be lines in memory
  }
}

void record_refused(const Submission::Inner& inner, std::string_view address, const Verdict& verdict) {
  if (inner.config && inner.channel != nullptr)
    counters::add(inner.config->root(), inner.channel->name(), {{counters::Count::rejected_recipients, 1}});
  if (!inner.config || !mail_log::is_logged(inner.channel)) return;
  Texts texts;
  auto entry = common_part(inner, texts);
  if (!address.empty()) texts.original = "rfc822;" + std::string(address);
  texts.diagnostic = std::to_string(verdict.code) + (verdict.status.empty() ? "" : " " + verdict.status) +
                     " " + verdict.text;
  entry.action = 'J';
  entry.size_bytes = inner.size;
  if (entry.sender.empty()) entry.sender = inner.given_sender;
  entry.original = texts.original;
  entry.address = address;
  entry.reason = inner.refusing_table;
  entry.diagnostic = texts.diagnostic;
  mail_log::write(*inner.config, entry);
}

void record_aborted(const Submission::Inner& inner, std::string_view why) {
  if (!inner.config || !mail_log::is_logged(inner.channel)) return;
  Texts texts;
  auto entry = common_part(inner, texts);
  entry.action = 'V';
  entry.size_bytes = inner.size;
  if (!inner.given.empty()) {
    texts.original = "rfc822;" + inner.given.front();
    entry.original = texts.original;
    entry.address = inner.given.front();
  }
  entry.diagnostic = why;
  mail_log::write(*inner.config, entry);
}

}  // namespace waxwing::mta
