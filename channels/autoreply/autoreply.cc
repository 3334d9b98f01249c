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
#include "mta/notify/disposition_request.h"
#include "mta/notify/post.h"
#include "mta/submission/short_message.h"

namespace waxwing::channels {
namespace {

constexpr std::int64_t kUsualHours = 168;  // mailAutoReplyTimeOut
constexpr unsigned kMostTries = 5;         // a reply that comes days later helps nobody

std::int64_t period_seconds(const directory::User& user) {
  const auto hours =
      to_number<std::int64_t>(trim(user.entry.first("mailAutoReplyTimeOut"))).value_or(kUsualHours);
  return std::clamp<std::int64_t>(hours, 1, 24 * 365) * 3600;
}

struct Wanted {
  std::string to;  // "": no disposition notification
  bool asked = false;
};

// By a program, without asking the user: only where he has chosen it.
Wanted disposition_for(const directory::User& user, const mta::MtaOptions& options,
                       const mail::HeaderBlock& header, const std::string& sender) {
  if (!is_echo(user)) return {};
  auto request = mta::notify::automatic_request(header, sender);
  if (!request.to.empty()) return {std::move(request.to), true};
  if (options.flag(mta::Opt::ECHO_DISPOSITION)) return {sender, false};
  return {};
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
  const Answer task{work, recipient, *user, header, wall_seconds()};
  auto answered = co_await answer(task);
  co_return answered;
}

// Told first, noted then: dying in between repeats one reply, and loses none.
Task<Result<Autoreply::Outcome>> Autoreply::answer(const Answer& answer) {
  const auto& sender = answer.work.envelope().sender;
  const Told told(context_.daemon().config()->path_of("autoreply"), answer.user.store_name,
                  period_seconds(answer.user));
  auto look = [&] { return told.may_tell(sender, answer.now_seconds); };
  auto may = co_await context_.daemon().workers().run(look);
  if (!may) co_return std::unexpected(may.error());

  auto request = disposition_for(answer.user, submitter_->config()->options(), answer.header, sender);
  const bool has_words =
      !trim(reply_words({answer.user, sender, "", answer.header, answer.now_seconds})).empty();
  // A notification belongs to each message that asks; the user's words stand in one of a period.
  const bool notifies = !request.to.empty() && (*may || request.asked);
  if (!notifies && !*may) co_return Outcome{"none, this sender has been told in this period", {}};
  if (!notifies && !has_words) co_return Outcome{"none, the user has no words for it", {}};
  const bool words = has_words && *may;
  Result<Outcome> sent;
  if (notifies) {
    auto done = co_await send_disposition(answer, std::move(request.to), words);
    sent = std::move(done);
  } else {
    auto done = co_await send_reply(answer);
    sent = std::move(done);
  }
  if (!sent || sent->queue_id.empty() || !words) co_return sent;
  auto note = [&] { return told.note(sender, answer.now_seconds); };
  auto noted = co_await context_.daemon().workers().run(note);
  if (!noted)
    log::Event("autoreply.note.failed").with("file", told.path()).with("error", noted.error().text).error();
  co_return sent;
}

std::shared_ptr<mta::notify::Dispositions> Autoreply::dispositions() {
  const auto config = submitter_->config();
  if (!dispositions_ || config_ != config)
    dispositions_ = std::make_shared<mta::notify::Dispositions>(context_.daemon().config()->root(), config,
                                                                context_.queue(), context_.workers());
  config_ = config;
  return dispositions_;
}

Task<Result<Autoreply::Outcome>> Autoreply::send_disposition(const Answer& answer, std::string to,
                                                             bool words) {
  const auto& sender = answer.work.envelope().sender;
  const ReplyTask task{answer.user, sender, "", answer.header, answer.now_seconds};
  mta::notify::DispositionNotice notice;
  notice.to = std::move(to);
  notice.from = answer.user.mail;
  notice.from_name = answer.user.common_name;
  notice.subject = reply_subject(task);
  notice.original_recipient = answer.work.envelope().recipients[answer.recipient].original;
  notice.final_recipient = answer.user.mail;
  notice.original_header = std::string(answer.header.text()) + "\r\n";
  if (words) notice.words = reply_words(task);
  const auto dispositions = this->dispositions();  // a reload may replace it meanwhile
  auto sent = co_await dispositions->send(std::move(notice), answer.work.message());
  if (!sent) co_return std::unexpected(sent.error());
  if (sent->empty()) co_return Outcome{"none, its sender has had too many notifications in this hour", {}};
  co_return Outcome{"sent as a disposition notification", std::move(*sent)};
}

Task<Result<Autoreply::Outcome>> Autoreply::send_reply(const Answer& answer) {
  const auto config = submitter_->config();
  const auto& sender = answer.work.envelope().sender;
  const auto text =
      make_reply({answer.user, sender, config->local_host(), answer.header, answer.now_seconds});
  const auto* channel = config->channel(context_.channel());
  if (channel == nullptr || !channel->given(mta::Kw::dispositionchannel)) {
    auto outcome = co_await submit(sender, text);
    co_return outcome;
  }
  mta::notify::Posting posting{.head = text, .to = sender, .notify = "NEVER"};
  posting.through = mta::Kw::dispositionchannel;
  posting.envelope.source_channel = context_.channel();
  auto posted = co_await mta::notify::post(*config, context_.queue(), context_.workers(), channel, posting);
  if (!posted) co_return std::unexpected(posted.error());
  co_return Outcome{"sent", std::move(*posted)};
}

Task<Result<Autoreply::Outcome>> Autoreply::submit(const std::string& to, const std::string& text) {
  mta::Source source;
  source.channel = context_.channel();
  source.internal = true;
  mta::Submission submission(submitter_, std::move(source));
  mta::ShortMessage message{.recipient = to, .text = text};
  message.wishes.notify = "NEVER";
  auto verdict = co_await mta::submit(submission, std::move(message));
  if (verdict.temporary()) co_return temporary(verdict.text);
  if (!verdict.ok()) co_return Outcome{"none, " + verdict.text, {}};
  co_return Outcome{"sent", submission.queue_id()};
}

}  // namespace waxwing::channels
