#include "mta/notify/notifier.h"

#include <algorithm>
#include <utility>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/address.h"
#include "common/mail/header.h"
#include "mta/config/mta_config.h"
#include "mta/config/postmaster.h"
#include "mta/notify/disposition_request.h"
#include "mta/notify/post.h"
#include "mta/queue/channel_policy.h"

namespace waxwing::mta::notify {

namespace {
std::string personal_of(const MtaConfig& config, const Channel* channel) {
  if (channel != nullptr && channel->given(Kw::returnpersonal))
    return std::string(channel->word(Kw::returnpersonal));
  return config.options().text(Opt::RETURN_PERSONAL);
}
constexpr std::size_t kSampleBytes = 64 * 1024;

// The lines that a warning has of the body, out of its first piece.
Result<std::string> first_lines(const queue::Reader& message, const Notice& notice) {
  std::string lines;
  if (notice.full_content || notice.sample_lines <= 0) return lines;
  TRY(const auto piece, message.read_message(notice.original_header.size(), kSampleBytes));
  std::string_view rest = piece;
  for (std::int64_t i = 0; i < notice.sample_lines && rest.find('\n') != rest.npos; ++i)
    lines.append(rest.substr(0, rest.find('\n') + 1)), rest.remove_prefix(rest.find('\n') + 1);
  return lines;
}
}  // namespace

Notifier::Notifier(std::string root, std::shared_ptr<const MtaConfig> config,
                   std::shared_ptr<queue::Queue> queue, WorkerPool& workers)
    : config_(std::move(config)),
      queue_(std::move(queue)),
      workers_(workers),
      languages_(std::move(root), config_),
      storm_(config_->options().number(Opt::NOTICES_PER_HOUR)) {}

Notifier::Copies Notifier::copies_of(Family family, const queue::Envelope& envelope) const {
  Copies copies;
  copies.to_sender = !envelope.sender.empty();
  const auto* channel = config_->channel(envelope.channel);
  if (family == Family::success || channel == nullptr) return copies;
  const bool failure = family == Family::failure;
  if (channel->is(failure ? Kw::sendpost : Kw::warnpost)) copies.to_postmaster = true;
  if (channel->is(failure ? Kw::copysendpost : Kw::copywarnpost)) copies.to_postmaster = copies.to_sender;
  if (channel->is(failure ? Kw::errsendpost : Kw::errwarnpost)) copies.to_postmaster = !copies.to_sender;
  return copies;
}

Task<Result<>> Notifier::send(queue::Reader& message, std::vector<Outcome> outcomes) {
  std::vector<Outcome> failures, delays, successes;
  for (auto& outcome : outcomes) {
    switch (outcome.action) {
      case Action::failed:
      case Action::timed_out:
        failures.push_back(std::move(outcome));
        break;
      case Action::delayed:
        delays.push_back(std::move(outcome));
        break;
      case Action::delivered:
      case Action::relayed:
        successes.push_back(std::move(outcome));
        break;
    }
  }
  auto sent = co_await send_family(Family::failure, message, std::move(failures));
  if (!sent) co_return sent;
  sent = co_await send_family(Family::delay, message, std::move(delays));
  if (!sent) co_return sent;
  sent = co_await send_family(Family::success, message, std::move(successes));
  co_return sent;
}

bool returns_body(const MtaOptions& options, const queue::Envelope& envelope, std::uint64_t size_bytes) {
  const auto block = std::max<std::int64_t>(1, options.number(Opt::BLOCK_SIZE));
  const auto over = [&](Opt option) {
    const auto limit = options.number(option);
    return limit > 0 && size_bytes > static_cast<std::uint64_t>(limit * block);
  };
  // RFC 8689 §5: what is for TLS only goes back without its text.
  if (envelope.require_tls || envelope.ret == "HDRS" || over(Opt::BOUNCE_BLOCK_LIMIT)) return false;
  return envelope.ret == "FULL" || !over(Opt::CONTENT_RETURN_BLOCK_LIMIT);
}

std::string told_address(const MtaOptions& options, Family family, std::string_view sender,
                         std::string_view header) {
  const bool failure = family == Family::failure;
  const bool asked =
      family != Family::success && options.flag(failure ? Opt::USE_ERRORS_TO : Opt::USE_WARNINGS_TO);
  const auto value =
      asked ? mail::HeaderBlock::scan(header).value(failure ? "Errors-To" : "Warnings-To") : std::nullopt;
  if (!value) return std::string(sender);
  const auto list = mail::parse_address_list(*value, {.max_addresses = 10});
  for (const auto& item : list.items)
    if (item.kind == mail::Address::Kind::mailbox && !item.spec.domain.empty()) return item.spec.text();
  return std::string(sender);
}

Notice Notifier::plain_notice(Family family, queue::Reader& message) const {
  const auto& envelope = message.envelope();
  const auto* channel = config_->channel(envelope.channel);
  const auto policy = queue::policy_from_config(*config_, envelope.channel);
  Notice notice;
  notice.envelope = &envelope;
  notice.reporting_mta = config_->local_host();
  notice.postmaster = postmaster_of(*config_, channel);
  notice.personal = personal_of(*config_, channel);
  notice.suppress_final = channel != nullptr && channel->is(Kw::suppressfinal);
  notice.use_intermediate = channel != nullptr && channel->is(Kw::useintermediate);
  notice.tell_attempts = config_->options().flag(Opt::RETURN_DELIVERY_HISTORY) &&
                         config_->options().flag(Opt::HISTORY_TO_RETURN);
  notice.now_ms = wall_ms();
  notice.return_at_ms = policy.return_at_ms(envelope.priority, envelope.clock());
  notice.unit_seconds = config_->options().number(Opt::RETURN_UNITS) == 1 ? 3600 : 86400;
  notice.decode_words = config_->options().number(Opt::NOTARY_DECODE) > 0;
  // RFC 3461 §4.3: RET rules failures only; other reports carry the header.
  if (family == Family::failure)
    notice.full_content = returns_body(config_->options(), envelope, message.message_size());
  // RFC 8689 §5: nor does the text of a message that is for TLS only.
  if (family == Family::delay && envelope.ret != "HDRS" && !envelope.require_tls)
    notice.sample_lines = config_->options().number(Opt::LINES_TO_RETURN);
  return notice;
}

Task<Result<>> Notifier::send_family(Family family, queue::Reader& message, std::vector<Outcome> outcomes) {
  if (outcomes.empty()) co_return Result<>{};
  const char* event = family == Family::failure ? "FAILURE" : family == Family::delay ? "DELAY" : "SUCCESS";
  auto header = message.read_header();
  if (!header) co_return std::unexpected(header.error());
  auto notice = plain_notice(family, message);
  notice.original_header = std::move(*header);
  const auto copies = copies_of(family, message.envelope());
  const auto* channel = config_->channel(message.envelope().channel);

  std::vector<Outcome> wanted;
  const auto block = mail::HeaderBlock::scan(notice.original_header);
  // Nothing is sent about a report (RFC 8098 §3), and a program reads no warnings.
  const bool deaf = is_report(block) || (family == Family::delay && is_automatic(block));
  for (const auto& outcome : outcomes)
    if ((outcome.demanded || outcome.recipient->wants(event)) && !(deaf && outcome.recipient->notify.empty()))
      wanted.push_back(outcome);
  if (copies.to_sender && !wanted.empty()) {
    notice.outcomes = wanted;
    notice.to = told_address(config_->options(), family, message.envelope().sender, notice.original_header);
    auto sent = co_await send_one(notice, message);
    if (!sent) co_return sent;
  }
  if (copies.to_postmaster) {
    notice.outcomes = std::move(outcomes);
    notice.to = notice.postmaster;
    if (channel != nullptr && channel->is(Kw::postheadonly)) notice.full_content = false;
    auto sent = co_await send_one(notice, message);
    if (!sent) co_return sent;
  }
  const bool silent = !copies.to_sender || (deaf && wanted.empty());
  if (family == Family::failure && silent && !copies.to_postmaster)
    log::Event("notify.dropped")
        .with("qid", message.envelope().queue_id)
        .with("why", copies.to_sender ? "the message is a report itself: nobody is told"
                                      : "the message has an empty sender: nobody is told")
        .notice();
  co_return Result<>{};
}

namespace {
struct Written {
  NoticeText text;
  std::string middle;
};

// Asks the mapping, which may ask the directory, and reads texts and message.
Result<Written> write_notice(const Notice& notice, Languages& languages, const queue::Reader& message) {
  auto text = make_notice(notice, languages.of(notice), "Boundary_" + unique_id());
  TRY(const auto sample, first_lines(message, notice));
  return Written{std::move(text), notice.original_header + sample};
}
}  // namespace

Task<Result<>> Notifier::send_one(const Notice& notice, queue::Reader& message) {
  if (!storm_.may_send(notice.to, notice.now_ms, message.envelope().queue_id)) co_return Result<>{};
  auto write = [&] { return write_notice(notice, languages_, message); };
  const auto written = co_await workers_.run(write);
  if (!written) co_return std::unexpected(written.error());
  const auto& [text, middle] = *written;
  const auto* channel = config_->channel(message.envelope().channel);
  Posting posting{.head = text.head, .middle = middle, .tail = text.tail, .to = notice.to};
  if (notice.full_content) posting.whole = &message;
  auto& envelope = posting.envelope;
  envelope.source_channel = "process";
  // Never towards the postmaster: one that cannot be delivered would be told of again and again.
  if (return_envelope(*config_, channel).notices && !iequals(notice.to, notice.postmaster))
    envelope.sender = notice.postmaster;
  // RFC 6710 §5: a report has the priority of its message.
  envelope.mt_priority = message.envelope().mt_priority;
  if (envelope.mt_priority) envelope.priority = message.envelope().priority;
  envelope.require_tls = message.envelope().require_tls;
  envelope.smtputf8 = text.utf8;
  envelope.body = message.envelope().body;
  if (envelope.body.empty() && !mail::is_ascii(text.head)) envelope.body = "8BITMIME";
  auto posted = co_await post(*config_, queue_, workers_, channel, posting);
  if (!posted) co_return std::unexpected(posted.error());
  log::Event("notify.sent")
      .with("qid", message.envelope().queue_id)
      .with("about", action_word(notice.outcomes.front().action))
      .with("to", notice.to)
      .with("as", *posted)
      .notice();
  co_return Result<>{};
}

}  // namespace waxwing::mta::notify
