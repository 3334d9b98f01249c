#include "channels/circuitcheck/circuitcheck.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/header.h"
#include "common/mail/parameters.h"

namespace waxwing::channels {

namespace {

using mta::circuit::Found;
using mta::circuit::Record;

const char* event_of(Record::Came came) {
  switch (came) {
    case Record::Came::first:
    case Record::Came::late:
      return "circuitcheck.returned";
    case Record::Came::duplicate:
      return "circuitcheck.duplicate";
    case Record::Came::again:
      return "circuitcheck.again";
    case Record::Came::unknown:
      break;
  }
  return "circuitcheck.unknown";
}

std::string text_of(Record::Came came, const mta::circuit::Token& token, std::int64_t trip_ms) {
  const auto name = fmt::format("message {} of circuit {}", token.number, token.circuit);
  switch (came) {
    case Record::Came::first:
      return fmt::format("{} is back after {} ms", name, trip_ms);
    case Record::Came::late:
      return fmt::format("{} is back after {} ms, and had been given up for lost", name, trip_ms);
    case Record::Came::duplicate:
      return name + " has been here before";
    case Record::Came::again:
      return name + " is counted already";
    case Record::Came::unknown:
      break;
  }
  return name + " is of a time of which no figures are kept";
}

log::Event event(const char* name, const Work& work) {
  log::Event event(name);
  event.with("qid", work.queue_id()).with("from", work.envelope().sender);
  return event;
}

// A notice about a message holds its header, in its body; the message itself has not come.
bool is_report(const mail::HeaderBlock& header) {
  return iequals(mail::parse_parameters(header.value("Content-Type").value_or("")).value, "multipart/report");
}

}  // namespace

Circuitcheck::Circuitcheck(MasterContext& context, std::shared_ptr<mta::MtaConfigHolder> config)
    : context_(context), config_(std::move(config)), ledger_(context.daemon().config()->root()) {}

Result<std::unique_ptr<Channel>> Circuitcheck::create(MasterContext& context) {
  TRY(auto config, mta::MtaConfigHolder::open(context.daemon().config()->root()));
  context.daemon().on_reload([config] {
    if (const auto loaded = config->reload(); !loaded)
      log::Event("mta.reload.refused").with("error", loaded.error().text).error();
  });
  return std::unique_ptr<Channel>(new Circuitcheck(context, std::move(config)));
}

Task<void> Circuitcheck::deliver(Work& work) {
  auto look = [&] { return take(work); };
  const auto outcome = co_await context_.workers().run(look);
  if (!outcome) {
    work.defer_rest("4.3.0 " + outcome.error().text);
    co_return;
  }
  work.set_final(true);
  for (const auto i : work.pending()) work.delivered_with_dsn(i, "2.0.0 " + *outcome);
}

// Who is no circuit gets no answer: it would go to an address that is made up.
Result<std::string> Circuitcheck::take(const Work& work) const {
  TRY(const auto text, work.message().read_header());
  const auto header = mail::HeaderBlock::scan(text);
  if (is_report(header)) {
    event("circuitcheck.report", work).notice();
    return "thrown away: a report is no message of a circuit";
  }
  TRY(const auto key, ledger_.key());
  const auto found = mta::circuit::find_token(key, header);
  if (found.kind == Found::Kind::good) return count(work, found.token);
  if (found.kind == Found::Kind::wrong) {
    event("circuitcheck.forged", work).with("client", work.envelope().client).warning();
    return "thrown away: its token is not of this instance";
  }
  event("circuitcheck.stranger", work).with("client", work.envelope().client).notice();
  return "thrown away: this address takes messages of circuit checks only";
}

// By the time it came back to this host, however long it lay in the queue here.
Result<std::string> Circuitcheck::count(const Work& work, const mta::circuit::Token& token) const {
  const auto config = config_->current();
  if (config->circuit(token.circuit) == nullptr) {
    event("circuitcheck.unknown", work).with("circuit", token.circuit).notice();
    return "thrown away: circuit " + token.circuit + " is in circuitcheck.cnf no more";
  }
  const auto now_ms = work.envelope().arrival_ms;
  auto came = Record::Came::unknown;
  TRY_VOID(ledger_.change(token.circuit, now_ms, [&](Record& record) {
    record.use_bins(config->circuit_bins());
    came = record.came_back(token, now_ms, work.queue_id());
  }));
  const auto trip_ms = std::max<std::int64_t>(now_ms - token.sent_ms, 0);
  auto told = event(event_of(came), work);
  told.with("circuit", token.circuit)
      .with("number", static_cast<std::int64_t>(token.number))
      .with("ms", trip_ms);
  if (came == Record::Came::late) told.with("late", 1);
  told.notice();
  return text_of(came, token, trip_ms);
}

}  // namespace waxwing::channels
