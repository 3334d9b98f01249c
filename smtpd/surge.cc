// Senders who send far more than they used to: metermaid counts, here they are refused and the postmaster is told.
#include <fmt/format.h>

#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/date.h"
#include "mta/config/postmaster.h"
#include "mta/policy/meter.h"
#include "smtpd/session.h"

namespace waxwing::smtpd {

namespace {

struct Surge {
  std::string user, address, peer;
  std::int64_t count = 0, limit = 0, period_s = 0;
};

std::string letter(const Surge& surge, const std::string& postmaster, const std::string& host) {
  return fmt::format(
      "From: MeterMaid <{0}>\r\nTo: {0}\r\nSubject: {1} sends far more mail than usual\r\nDate: {2}\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
      "The user {1} has sent to {3} recipients within {4} seconds, through {6} and last from {5}.\r\n"
      "{7} is the limit for this user: far above what it sends otherwise. Further messages get a "
      "temporary\r\n"
      "refusal until the period is over.\r\n\r\n"
      "If the password was stolen: change it, or set mailUserStatus to inactive.\r\n"
      "If all is well: \"imsimta metermaid -remove surge {1}\" lets the user begin anew; metermaid(8) tells "
      "about\r\n"
      "the limits, metermaid.surge.floor, .factor and .period of msg.conf.\r\n",
      postmaster, surge.user, mail::format_local_date(wall_seconds()), surge.count, surge.period_s,
      surge.peer, host, surge.limit);
}

Task<void> tell_postmaster(std::shared_ptr<Server> server, Surge surge) {
  const auto guard = server->daemon().session();
  const auto config = server->submitter()->config();
  mta::Source source;
  source.channel = "process";
  source.internal = true;
  mta::Submission message(server->submitter(), std::move(source));
  const auto postmaster = mta::postmaster_of(*config, nullptr);
  std::string nobody;
  mta::SenderOptions sender_options;
  mta::RecipientOptions recipient_options;
  auto verdict = co_await message.sender(std::move(nobody), std::move(sender_options));
  if (verdict.ok()) verdict = co_await message.recipient(postmaster, std::move(recipient_options));
  const auto text = letter(surge, postmaster, config->local_host());
  if (verdict.ok()) verdict = co_await message.data(text);
  if (verdict.ok()) verdict = co_await message.finish();
  if (!verdict.ok())
    log::Event("smtp.surge.untold").with("user", surge.user).with("reply", verdict.text).error();
}

}  // namespace

// Asked once a message, of senders who logged in. Nobody is limited while metermaid does not answer.
Task<bool> Session::sends_as_usual() {
  const auto config = server_->daemon().config();
  if (!identity_ || !config->flag("metermaid.surge.enable") || !config->flag("metermaid.enable"))
    co_return true;
  Record question("count");
  question.set("table", "surge").set("key", identity_->user->store_name);
  question.set("amount", static_cast<std::int64_t>(message_->recipients()));
  auto ask = [&] { return mta::ask_meter(config->root(), question); };
  auto answer = co_await server_->workers().run(ask);
  if (!answer || answer->number("limited") == 0) co_return true;
  Surge surge{identity_->user->store_name, identity_->user->mail,   peer_address_,
              answer->number("count"),     answer->number("limit"), config->number("metermaid.surge.period")};
  const bool first = answer->number("first") != 0;
  auto event = log::Event("smtp.surge");
  event.with("sid", sid_)
      .with("qid", message_->queue_id())
      .with("user", surge.user)
      .with("count", surge.count)
      .with("limit", surge.limit);
  first ? event.warning() : event.information();
  if (first) spawn(tell_postmaster(server_, std::move(surge)));
  co_return false;
}

}  // namespace waxwing::smtpd
