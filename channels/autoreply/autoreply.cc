#include "channels/autoreply/autoreply.h"

#include <fmt/format.h>

#include <algorithm>

#include "channels/autoreply/reply.h"
#include "channels/autoreply/told.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/config/config.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/address/vacation.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {
namespace {

constexpr std::int64_t kUsualHours = 168;  // mailAutoReplyTimeOut
constexpr unsigned kMostTries = 5;         // a reply that comes days later helps nobody

std::int64_t period_seconds(const directory::User& user) {
  const auto hours =
      to_number<std::int64_t>(trim(user.entry.first("mailAutoReplyTimeOut"))).value_or(kUsualHours);
  return std::clamp<std::int64_t>(hours, 1, 24 * 365) * 3600;
}

}  // namespace

Result<std::unique_ptr<Channel>> Autoreply::create(MasterContext& context) {
  TRY(auto submitter, mta::Submitter::create(context.daemon(), context.queue()));
  return std::unique_ptr<Channel>(new Autoreply(context, std::move(submitter)));
}

// Nobody is told when there is no reply: it is a courtesy, and the message itself goes its own way.
Task<void> Autoreply::deliver(Work& work) {
  for (const auto i : work.pending()) {
    auto outcome = co_await reply(work, i);
    if (!outcome && outcome.error().fault == Fault::temporary && work.attempts() < kMostTries) {
      work.deferred(i, "4.3.0 " + outcome.error().text);
      continue;
    }
    settle(work, i, outcome ? *outcome : Outcome{outcome.error().text, {}});
  }
}

void Autoreply::settle(Work& work, std::size_t recipient, const Outcome& outcome) const {
  auto event = log::Event("autoreply");
  event.with("qid", work.queue_id())
      .with("user", work.envelope().recipients[recipient].address)
      .with("to", work.envelope().sender)
      .with("outcome", outcome.text);
  if (!outcome.queue_id.empty()) event.with("as", outcome.queue_id);
  event.information();
  const auto text = "2.0.0 automatic reply: " + outcome.text;
  if (outcome.queue_id.empty())
    work.delivered_with_dsn(recipient, text);
  else
    work.queued_as(recipient, text, outcome.queue_id);
}

Task<Result<Autoreply::Outcome>> Autoreply::reply(Work& work, std::size_t recipient) {
  if (work.envelope().recipients[recipient].has_flag(mta::queue::kNoVacation))
    co_return Outcome{"none, an access table wants none", {}};
  auto header_text = work.message().read_header();
  if (!header_text) co_return std::unexpected(header_text.error());
  const auto header = mail::HeaderBlock::scan(*header_text);
  const auto& address = work.envelope().recipients[recipient].address;
  auto ask = [&](directory::Ask patience) { return submitter_->directory()->by_address(address, patience); };
  auto match = co_await directory::patiently(context_.daemon().workers(), ask);
  if (!match) co_return std::unexpected(match.error());
  const auto user = (*match)->user;
  const auto config = submitter_->config();
  if (!user || !mta::answers_now(*user, config->delivery_options(), wall_seconds()))
    co_return Outcome{"none, it is over", {}};
  const auto silence = reason_for_silence(*user, work.envelope().sender, header);
  if (!silence.empty()) co_return Outcome{"none, " + silence, {}};
  auto sent = co_await send(work, *user, header);
  co_return sent;
}

// Told first, noted then: dying in between repeats one reply, and loses none.
Task<Result<Autoreply::Outcome>> Autoreply::send(Work& work, const directory::User& user,
                                                 const mail::HeaderBlock& header) {
  const Told told(context_.daemon().config()->path_of("autoreply"), user.store_name, period_seconds(user));
  const auto& sender = work.envelope().sender;
  const auto now = wall_seconds();
  auto look = [&] { return told.may_tell(sender, now); };
  auto may = co_await context_.daemon().workers().run(look);
  if (!may) co_return std::unexpected(may.error());
  if (!*may) co_return Outcome{"none, this sender has been told in this period", {}};

  mta::Source source;
  source.channel = context_.channel();
  source.internal = true;
  mta::Submission submission(submitter_, std::move(source));
  // Named, all of them: g++ 12 destroys temporaries among the arguments of a co_await twice.
  std::string nobody, to = sender;
  mta::SenderOptions options;
  mta::RecipientOptions wishes;
  wishes.notify = "NEVER";
  auto verdict = co_await submission.sender(std::move(nobody), std::move(options));
  if (verdict.ok()) {
    auto answer = co_await submission.recipient(std::move(to), std::move(wishes));
    verdict = answer;
  }
  if (verdict.ok()) {
    const auto text = make_reply({user, sender, submitter_->config()->local_host(), header, now});
    auto answer = co_await submission.data(text);
    verdict = answer;
  }
  if (verdict.ok()) {
    auto answer = co_await submission.finish();
    verdict = answer;
  }
  if (verdict.temporary()) co_return temporary(verdict.text);
  if (!verdict.ok()) co_return Outcome{"none, " + verdict.text, {}};
  auto note = [&] { return told.note(sender, now); };
  auto noted = co_await context_.daemon().workers().run(note);
  if (!noted)
    log::Event("autoreply.note.failed").with("file", told.path()).with("error", noted.error().text).error();
  co_return Outcome{"sent", submission.queue_id()};
}

}  // namespace waxwing::channels
