// The message itself: header, body, commit.
#include "mta/submission/submission.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/form/header_form.h"
#include "mta/mail_log/mail_log.h"
#include "mta/submission/detail/log_records.h"
#include "mta/submission/detail/state.h"
#include "mta/submission/header.h"

namespace waxwing::mta {

namespace {

// Where the body begins in header bytes that may not be whole yet; npos when the empty line has not come.
std::size_t header_end(std::string_view bytes, std::size_t from) {
  if (bytes.starts_with("\r\n")) return 2;
  const auto at = bytes.find("\r\n\r\n", from < 3 ? 0 : from - 3);
  return at == std::string_view::npos ? at : at + 4;
}

// The field that the last hop owes, when every copy goes to a channel that would add it: written now, it is
// in the queue file, which can be linked into the mailboxes as it is.
std::string return_path(const Submission::Inner& inner) {
  if (inner.destinations.empty()) return {};
  const auto& from = inner.destinations.front().envelope_from;
  for (const auto& destination : inner.destinations) {
    const auto* channel = inner.config->channel(destination.recipient.channel);
    if (!channel || !channel->is(Kw::addreturnpath) || destination.envelope_from != from) return {};
  }
  return "Return-Path: <" + from + ">\r\n";
}

// One field of the recipients for a log line: the first of them, each once.
std::string some_of(const queue::Envelope& envelope, std::string queue::Recipient::*field) {
  constexpr std::size_t kEnough = 500;
  std::string text;
  std::string_view last;
  for (const auto& recipient : envelope.recipients) {
    if (recipient.*field == last) continue;
    if (text.size() > kEnough) return text + ",...";
    last = recipient.*field;
    text.append(text.empty() ? "" : ",").append(last);
  }
  return text;
}

}  // namespace

void log_accepted(const Submission::Inner& inner, const std::vector<queue::Envelope>& envelopes,
                  const std::vector<queue::FileName>& files, std::uint64_t size_bytes) {
  if (!log::enabled(log::Level::information)) return;
  for (std::size_t i = 0; i < envelopes.size() && i < files.size(); ++i) {
    const auto& envelope = envelopes[i];
    log::Event("mta.enqueue")
        .with("qid", inner.queue_id)
        .with("sid", inner.source.session_id)
        .with("src", inner.source.channel)
        .with("dst", envelope.channel)
        .with("file", files[i].relative())
        .with("size", static_cast<std::int64_t>(size_bytes))
        .with("from", envelope.sender)
        .with("to", some_of(envelope, &queue::Recipient::address))
        .with("orcpt", some_of(envelope, &queue::Recipient::original))
        .with("nrcpt", static_cast<std::int64_t>(envelope.recipients.size()))
        .with("held", envelope.held_reason)
        .information();
    if (!envelope.held_reason.empty())
      mail_log::tell_held(*inner.config, envelope.channel, files[i].relative(), envelope.held_reason);
  }
}

Submission::Submission(std::shared_ptr<Submitter> submitter, Source source)
    : inner_(std::make_unique<Inner>(std::move(submitter), std::move(source))) {}
Submission::Submission(Submission&&) noexcept = default;
Submission::~Submission() = default;

std::size_t Submission::recipients() const {
  return inner_->given.size();
}
const std::string& Submission::sender_address() const {
  return inner_->sender;
}
const std::string& Submission::queue_id() const {
  return inner_->queue_id;
}
std::uint64_t Submission::size_bytes() const {
  return inner_->size;
}
void Submission::add_trace(std::string_view header_lines) {
  inner_->trace.append(header_lines);
}

void Submission::hold(std::string reason) {
  inner_->hold_reason = std::move(reason);
}

void Submission::commit_with(queue::Companion* companion) {
  inner_->companion = companion;
}

void Submission::set_chunking() {
  inner_->source.chunking = true;
}

void Submission::record_refusal(std::string_view address, const Verdict& verdict) const {
  if (!address.empty() || inner_->given.empty()) return record_refused(*inner_, address, verdict);
  constexpr std::size_t kMost = 10;  // a message for a thousand that is refused is told of often enough
  for (std::size_t i = 0; i < std::min(inner_->given.size(), kMost); ++i)
    record_refused(*inner_, inner_->given[i], verdict);
}

void Submission::record_abort(std::string_view why) const {
  record_aborted(*inner_, why);
}

Verdict Submission::Inner::open_writer() {
  auto opened = queue::Writer::create(submitter->inner().queue, queue_id);
  if (!opened) {
    log::Event("mta.queue.failed").with("qid", queue_id).with("error", opened.error().text).error();
    return fail(verdict_of(opened.error()));
  }
  writer.emplace(std::move(*opened));
  return {};
}

Verdict Submission::Inner::write_body(std::string_view bytes) {
  if (bytes.empty()) return {};
  if (counts_lines) lines += static_cast<std::uint64_t>(std::ranges::count(bytes, '\n'));
  if (line_limit > 0 && lines > static_cast<std::uint64_t>(line_limit))
    return fail({554, "5.3.4", fmt::format("The message has more than {} lines", line_limit)});
  ends_in_crlf = bytes.back() == '\n';
  if (auto written = writer->write(bytes); !written) {
    log::Event("mta.queue.failed").with("qid", queue_id).with("error", written.error().text).error();
    return fail(verdict_of(written.error()));
  }
  return {};
}

// Text of a list in front of the body or behind it, where lines may simply be put there.
Verdict Submission::Inner::write_list_text(std::string ListEffects::*which) {
  if (!list || (list->effects.*which).empty() || !plain_text) return {};
  std::string lines;
  for (const auto line : split(list->effects.*which, '\n'))
    lines.append(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line).append("\r\n");
  return write_body(lines);
}

HeaderTask Submission::Inner::header_task(std::size_t header_bytes) const {
  HeaderTask task;
  task.header = std::string_view(header).substr(0, header_bytes);
  task.source = channel;
  task.submission = source.submission;
  task.rewrite = !source.internal;
  task.sender = sender;
  task.auth_sender = source.auth_address;
  task.queue_id = queue_id;
  task.now_seconds = wall_seconds();
  task.recipients = &given;
  task.subject_tag = list && !list->effects.subject_tag.empty() ? list->effects.subject_tag : subject_tag;
  task.list = list ? &list->effects : nullptr;
  if (list) task.subject_number = {list->number, list->effects.number_behind, list->effects.only_last_number};
  task.remote_host = source.remote_host;
  task.smtputf8 = options.smtputf8;
  return task;
}

// The limits that the header has to keep.
Verdict Submission::Inner::check_header(const HeaderOutcome& outcome) {
  const auto& limits = config->options();
  if (outcome.received >= limits.number(Opt::MAX_TOTAL_RECEIVED_LINES) && !source.internal)
    return {554, "5.4.6", fmt::format("Mail loop: the message has {} Received fields", outcome.received)};
  if (outcome.received >= limits.number(Opt::MAX_RECEIVED_LINES))
    hold_reason = fmt::format("{} Received fields: a mail loop", outcome.received);
  if (outcome.received_here >= limits.number(Opt::MAX_LOCAL_RECEIVED_LINES))
    hold_reason = fmt::format("{} Received fields of this host: a mail loop", outcome.received_here);
  if (outcome.mr_received >= limits.number(Opt::MAX_MR_RECEIVED_LINES))
    hold_reason = fmt::format("{} MR-Received fields: a mail loop", outcome.mr_received);
  sensitivity = outcome.sensitivity;
  if (const auto why = too_sensitive(); !why.empty()) return {554, "5.7.1", why};
  return {};
}

// What the header says of the message.
void Submission::Inner::heed_header(const HeaderOutcome& outcome) {
  apply_receipts(outcome.receipt_asked);
  if (!outcome.new_sender.empty()) {
    for (auto& destination : destinations)
      if (destination.envelope_from == sender) destination.envelope_from = outcome.new_sender;
    sender = outcome.new_sender;
  }
  priority = options.mt_priority ? queue::priority_of(*options.mt_priority) : outcome.priority;
  if (mail_log::wants_header(*config, channel)) logged_header = outcome.text;
  deferred_until_ms = outcome.deferred_until_ms;
  plain_text = outcome.plain_text;
  partial_id = outcome.partial_id;
  lower_line_limit(config->options().number(Opt::LINE_LIMIT));
  if (list) lower_line_limit(list->effects.line_limit);
  counts_lines = counts_lines || list;  // the channels of its members may have limits
}

Task<Verdict> Submission::Inner::header_done(std::size_t header_bytes) {
  if (list && !list->effects.sequence.empty()) {
    auto numbered = co_await number_message();
    if (!numbered.ok()) co_return numbered;
  }
  const auto task = header_task(header_bytes);
  auto ask = [&](directory::Ask patience) {
    const Lookup lookup{*config, &submitter->view(), patience, debug.get()};
    return process_header(lookup, task);
  };
  auto processed = co_await directory::patiently(workers(), ask);
  if (!processed) co_return fail(verdict_of(processed.error()));
  if (!*processed) co_return fail(processed->error());
  HeaderOutcome& outcome = **processed;
  if (list && list->effects.trim) outcome.text = form::trim_header(outcome.text, *list->effects.trim);
  if (const auto checked = check_header(outcome); !checked.ok()) co_return fail(checked);
  heed_header(outcome);
  if (auto opened = open_writer(); !opened.ok()) co_return opened;
  auto start = return_path(*this);
  start.append(std::exchange(trace, {})).append(extra_header).append(outcome.text);
  if (auto written = write_body(start); !written.ok()) co_return written;
  header_size = start.size();
  in_body = true;
  if (auto put = write_list_text(&ListEffects::prefix_text); !put.ok()) co_return put;
  auto rest = write_body(std::string_view(header).substr(header_bytes));
  header = std::string();
  co_return rest;
}

Task<Verdict> Submission::data(std::string_view bytes) {
  Inner& inner = *inner_;
  inner.size += bytes.size();
  if (inner.failure) co_return *inner.failure;
  if (!inner.config) co_return inner.fail({503, "5.5.1", "Sender first"});
  if (inner.recipient_cutoff > 0 && inner.asked > inner.recipient_cutoff)
    co_return inner.fail({554, "5.5.3", "Too many recipients"});
  if (inner.is_too_large(inner.size)) co_return inner.fail(inner.too_large());
  if (inner.in_body) co_return inner.write_body(bytes);
  inner.header.append(bytes);
  const auto end = header_end(inner.header, inner.scanned);
  const auto limit =
      static_cast<std::size_t>(inner.submitter->daemon().config()->number("smtp.maxheadersize"));
  // Its end may come with the very bytes that make it too long.
  if (std::min(end, inner.header.size()) > limit)
    co_return inner.fail({552, "5.3.4", fmt::format("The header is longer than {} bytes", limit)});
  if (end == std::string::npos) {
    inner.scanned = inner.header.size();
    co_return Verdict{};
  }
  auto done = co_await inner.header_done(end);
  co_return done;
}

Task<Result<Publication>> Submission::Inner::prepare(std::vector<queue::Envelope> envelopes) {
  if (wants_forms(*this, envelopes)) {
    ByteBudget::Share memory;
    if (const auto bytes = form_bytes(*this, envelopes); bytes > 0) {
      auto taking = submitter->inner().forms.take(bytes);
      memory = co_await std::move(taking);
    }
    auto shaping = workers().run([&] { return shape_message(*this, std::move(envelopes)); });
    auto shaped = co_await std::move(shaping);
    if (shaped) shaped->memory = std::move(memory);
    co_return shaped;
  }
  Publication whole;
  whole.envelopes = envelopes;
  whole.contents.push_back({&*writer, std::move(envelopes)});
  co_return whole;
}

// The message is whole: what is still missing of its text, and of its recipients.
Task<Verdict> Submission::Inner::end_message() {
  if (!in_body) {
    auto done = co_await header_done(header.size());
    if (!done.ok()) co_return done;
  }
  if (!ends_in_crlf) {
    if (auto ended = write_body("\r\n"); !ended.ok()) co_return ended;
  }
  if (auto put = write_list_text(&ListEffects::suffix_text); !put.ok()) co_return put;
  if (!list) co_return Verdict{};
  auto expand = [this] { return expand_list(); };
  auto expanded = co_await workers().run(expand);
  if (!expanded.ok()) co_return fail(expanded);
  co_return expanded;
}

Verdict Submission::Inner::accepted() const {
  return {250, "2.5.0", "Ok, queued as " + queue_id};
}

Verdict Submission::Inner::throw_away() {
  log::Event("mta.discarded")
      .with("qid", queue_id)
      .with("sid", source.session_id)
      .with("from", sender)
      .notice();
  writer.reset();
  return accepted();
}

Task<Verdict> Submission::Inner::publish() {
  auto envelopes = list ? std::move(list->formed) : make_envelopes(*this);
  auto preparing = prepare(std::move(envelopes));
  auto publication = co_await std::move(preparing);
  if (!publication) {
    log::Event("mta.form.failed").with("qid", queue_id).with("error", publication.error().text).error();
    co_return fail(verdict_of(publication.error()));
  }
  if (publication->refused) co_return fail(*publication->refused);
  const auto size_bytes = writer->size_bytes();
  auto publishing = queue::Writer::publish_all(std::move(publication->contents), &workers(), companion);
  auto published = co_await std::move(publishing);
  writer.reset();
  if (!published) {
    log::Event("mta.queue.failed").with("qid", queue_id).with("error", published.error().text).error();
    co_return fail(verdict_of(published.error()));
  }
  count_enqueued(*this, publication->envelopes, size_bytes);
  if (list) record_listed(*this, size_bytes);
  log_accepted(*this, publication->envelopes, *published, size_bytes);
  record_enqueued(*this, publication->envelopes, *published, size_bytes);
  co_return accepted();
}

Task<Verdict> Submission::finish() {
  Inner& inner = *inner_;
  if (inner.delay_ms > 0) co_await access_delay(inner.delay_ms);
  if (inner.failure) co_return *inner.failure;
  if (inner.given.empty()) co_return Verdict{554, "5.5.1", "No valid recipients"};
  auto ended = co_await inner.end_message();
  if (!ended.ok()) co_return ended;
  const bool thrown_away = inner.discard && !keep_discarded(inner);
  if (thrown_away || (inner.destinations.empty() && !inner.list)) co_return inner.throw_away();
  const auto& mappings = inner.config->mappings();
  if (!inner.list &&
      (mappings.table(OwnTable::conversions) || mappings.table(OwnTable::charset_conversion))) {
    auto asked = co_await inner.find_conversions();
    if (!asked.ok()) co_return inner.fail(asked);
  }
  auto verdict = co_await inner.publish();
  co_return verdict;
}

}  // namespace waxwing::mta
