#include "channels/circuitcheck/round.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <optional>

#include "channels/circuitcheck/letter.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/address.h"
#include "mta/config/postmaster.h"
#include "mta/notify/post.h"
#include "mta/submission/short_message.h"

namespace waxwing::channels {

using mta::circuit::Record;
using mta::circuit::Sent;

namespace {

Letterhead letterhead(const mta::MtaConfig& config) {
  return {mta::postmaster_of(config, config.channel(mta::kCircuitChannel)), config.local_host(),
          wall_seconds()};
}

log::Event event(const char* name, const mta::Circuit& circuit) {
  log::Event event(name);
  event.with("circuit", circuit.name);
  return event;
}

}  // namespace

struct Round::Step {
  std::string key;
  std::vector<Sent> lost;
  bool warns = false;
  std::optional<Sent> sent;
  Record record;
};

Round::Round(Daemon& daemon, std::shared_ptr<mta::queue::Queue> queue,
             std::shared_ptr<mta::Submitter> submitter, std::vector<std::string> names)
    : daemon_(daemon),
      queue_(std::move(queue)),
      submitter_(std::move(submitter)),
      config_(submitter_->config()),
      ledger_(daemon.config()->root()),
      names_(std::move(names)) {}

Result<std::unique_ptr<Round>> Round::create(Daemon& daemon, std::vector<std::string> names) {
  const auto config = daemon.config();
  auto queue =
      std::make_shared<mta::queue::Queue>(config->path_of("queue"), config->path_of("run/job_controller"));
  TRY(auto submitter, mta::Submitter::create(daemon, queue));
  for (const auto& name : names)
    if (submitter->config()->circuit(name) == nullptr)
      return permanent("there is no circuit \"" + printable(name, 60) +
                       "\" in circuitcheck.cnf, as imsimta cnbuild published it last");
  return std::unique_ptr<Round>(new Round(daemon, std::move(queue), std::move(submitter), std::move(names)));
}

bool Round::is_named(const std::string& name) const {
  return std::ranges::any_of(names_, [&](const auto& each) { return iequals(each, name); });
}

// Whatever happens, it comes to an end: while one round goes on there is no other.
Task<void> Round::run() {
  const auto guard = daemon_.session();
  bool good = false;
  try {
    auto all = co_await see_to_all();
    good = all;
  } catch (const std::exception& error) {
    log::Event("circuitcheck.failed").with("why", error.what()).critical();
  }
  daemon_.end(good ? 0 : 1);
}

Task<bool> Round::see_to_all() {
  bool good = true;
  for (const auto& circuit : config_->circuits()) {
    if (daemon_.stopping()) break;
    if (!names_.empty() && !is_named(circuit.name)) continue;
    auto seen_to = co_await see_to(circuit);
    good = good && seen_to;
  }
  co_return good;
}

// The message is noted before it is queued: it may be back before we hear that it is.
Result<Round::Step> Round::begin(const mta::Circuit& circuit) const {
  Step step;
  TRY(step.key, ledger_.key());
  const auto now = wall_ms();
  TRY(step.record, ledger_.change(circuit.name, now, [&](Record& record) {
    if (record.use_bins(config_->circuit_bins()))
      event("circuitcheck.bins", circuit).with("text", "round trips are counted anew").information();
    step.lost = record.expire(now, circuit.expires_seconds);
    step.warns = record.owes_warning();
    if (is_named(circuit.name) || record.is_due(now, circuit.interval_seconds)) step.sent = record.send(now);
  }));
  return step;
}

Task<bool> Round::see_to(const mta::Circuit& circuit) {
  auto look = [&] { return begin(circuit); };
  auto step = co_await daemon_.workers().run(look);
  if (!step) {
    event("circuitcheck.failed", circuit).with("why", step.error().text).error();
    std::fprintf(stderr, "%s: %s\n", circuit.name.c_str(), step.error().text.c_str());
    co_return false;
  }
  for (const auto& sent : step->lost)
    event("circuitcheck.lost", circuit)
        .with("number", static_cast<std::int64_t>(sent.number))
        .with("sent", iso_timestamp(sent.sent_ms))
        .with("to", circuit.address)
        .warning();
  bool good = true;
  if (step->warns) {
    auto warned = co_await warn(circuit, *step);
    good = warned;
  }
  if (step->sent) {
    auto sent = co_await send(circuit, *step);
    good = good && sent;
  }
  co_return good;
}

// Noted when it is queued: dying in between warns twice, and never not at all.
Task<bool> Round::warn(const mta::Circuit& circuit, const Step& step) {
  const auto head = letterhead(*config_);
  const auto missed = step.record.missed();
  const auto text = lost_warning(circuit, missed, step.record, head);
  mta::notify::Posting posting{.head = text, .to = head.postmaster, .notify = "NEVER"};
  posting.envelope.source_channel = mta::kCircuitChannel;
  const auto* channel = config_->channel(mta::kCircuitChannel);
  auto posted = co_await mta::notify::post(*config_, queue_, daemon_.workers(), channel, posting);
  if (!posted) {
    event("circuitcheck.warning.failed", circuit).with("why", posted.error().text).error();
    co_return false;
  }
  event("circuitcheck.warning", circuit).with("qid", *posted).with("to", head.postmaster).notice();
  auto note = [&] {
    return ledger_.change(circuit.name, wall_ms(), [&](Record& record) { record.warned_of(missed); });
  };
  auto noted = co_await daemon_.workers().run(note);
  if (!noted) event("circuitcheck.failed", circuit).with("why", noted.error().text).error();
  co_return noted.has_value();
}

Task<bool> Round::send(const mta::Circuit& circuit, const Step& step) {
  std::string queue_id;
  auto verdict = co_await submit(circuit, step, queue_id);
  const auto number = static_cast<std::int64_t>(step.sent->number);
  if (verdict.ok()) {
    event("circuitcheck.sent", circuit)
        .with("number", number)
        .with("qid", queue_id)
        .with("to", circuit.address)
        .information();
    std::printf("%s: message %lld is on its way as %s\n", circuit.name.c_str(),
                static_cast<long long>(number), queue_id.c_str());
    co_return true;
  }
  const auto why = fmt::format("{} {} {}", verdict.code, verdict.status, verdict.text);
  event("circuitcheck.unsent", circuit)
      .with("number", number)
      .with("to", circuit.address)
      .with("why", why)
      .error();
  std::fprintf(stderr, "%s: not sent to %s: %s\n", circuit.name.c_str(), circuit.address.c_str(),
               printable(why, 500).c_str());
  auto take_back = [&] {
    return ledger_.change(circuit.name, wall_ms(),
                          [&](Record& record) { record.withdraw(*step.sent, verdict.temporary()); });
  };
  auto taken = co_await daemon_.workers().run(take_back);
  if (!taken) event("circuitcheck.failed", circuit).with("why", taken.error().text).error();
  co_return false;
}

Task<mta::Verdict> Round::submit(const mta::Circuit& circuit, const Step& step, std::string& queue_id) {
  mta::Source source;
  source.channel = mta::kCircuitChannel;
  source.internal = true;
  mta::Submission submission(submitter_, std::move(source));
  mta::ShortMessage message{.sender = circuit.sender, .recipient = circuit.address};
  message.options.smtputf8 = !mail::is_ascii(circuit.address) || !mail::is_ascii(circuit.sender);
  message.wishes.no_vacation = true;
  // Somebody who wants to hear of failures says so by a sender.
  if (circuit.sender.empty()) message.wishes.notify = "NEVER";
  const mta::circuit::Token token{circuit.name, step.sent->number, step.sent->sent_ms};
  message.text = circuit_message(circuit, token, mta::circuit::seal(step.key, token), letterhead(*config_));
  message.options.size_bytes = message.text.size();
  auto verdict = co_await mta::submit(submission, std::move(message));
  queue_id = submission.queue_id();
  co_return verdict;
}

}  // namespace waxwing::channels
