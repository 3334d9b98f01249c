#include "mta/notify/dispositions.h"

#include <algorithm>
#include <utility>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/mail/address.h"
#include "mta/address/mapping.h"
#include "mta/config/mta_config.h"
#include "mta/notify/notifier.h"
#include "mta/notify/post.h"

namespace waxwing::mta::notify {

Dispositions::Dispositions(const std::string& root, std::shared_ptr<const MtaConfig> config,
                           std::shared_ptr<queue::Queue> queue, WorkerPool& workers)
    : config_(std::move(config)),
      queue_(std::move(queue)),
      workers_(workers),
      folders_(root, TextFamily::disposition),
      storm_(config_->options().number(Opt::NOTICES_PER_HOUR)) {}

const Templates& Dispositions::words_for(DispositionNotice& notice, const queue::Reader& message) {
  if (!config_->mappings().table("DISPOSITION_LANGUAGE")) return folders_.usual();
  const auto probe = std::string(disposition_word(notice.disposition)) + "|" + join(notice.modifiers, ",") +
                     "|" + message.envelope().channel + "|" + preferred_language(notice.original_header) +
                     "|" + notice.to + "|" + notice.final_recipient;
  const Lookup lookup{*config_};
  const auto answer = apply_mapping(lookup, "DISPOSITION_LANGUAGE", probe);
  if (!answer)
    log::Event("notify.language")
        .with("qid", message.envelope().queue_id)
        .with("error", answer.error().text)
        .warning();
  const auto wanted = answer ? read_language_answer(*answer) : std::nullopt;
  if (!wanted) return folders_.usual();
  std::string_view rest = wanted->rest;
  notice.charset = trim(take_until(rest, '|'));
  const auto subject = trim(rest);
  if (answer->flags.has('T') && !subject.empty()) notice.subject = subject;
  return folders_.of(wanted->folder, wanted->language);
}

Task<Result<std::string>> Dispositions::send(DispositionNotice notice, const queue::Reader& message) {
  const auto& about = message.envelope();
  if (notice.now_ms == 0) notice.now_ms = wall_ms();
  if (!storm_.may_send(notice.to, notice.now_ms, about.queue_id)) co_return std::string();
  // RET rules delivery notifications (RFC 3461 §4.3), but who wants no content back wants it by no way. RFC 8689 §5.
  notice.full_content =
      returns_body(config_->options(), about, message.message_size()) && about.body != "BINARYMIME";
  notice.eight_bit = about.body == "8BITMIME" || !mail::is_ascii(notice.original_header);
  notice.smtputf8 = about.smtputf8;
  notice.host = config_->local_host();
  auto write = [&] {
    const auto& templates = words_for(notice, message);
    return make_disposition_notice(notice, templates, "Boundary_" + unique_id());
  };
  const auto text = co_await workers_.run(write);

  Posting posting{.head = text.head, .middle = notice.original_header, .tail = text.tail, .to = notice.to};
  if (notice.full_content) posting.whole = &message;
  posting.notify = "NEVER";
  posting.through = Kw::dispositionchannel;
  auto& envelope = posting.envelope;
  envelope.source_channel = about.channel;
  envelope.smtputf8 = text.utf8;
  envelope.require_tls = about.require_tls;
  envelope.mt_priority = about.mt_priority;
  if (envelope.mt_priority) envelope.priority = about.priority;
  const bool wide = notice.full_content ? notice.eight_bit : !mail::is_ascii(notice.original_header);
  if (wide || !mail::is_ascii(text.head)) envelope.body = "8BITMIME";
  auto posted = co_await post(*config_, queue_, workers_, config_->channel(about.channel), posting);
  if (!posted) co_return std::unexpected(posted.error());
  log::Event("notify.disposition")
      .with("qid", about.queue_id)
      .with("about", disposition_word(notice.disposition))
      .with("of", notice.final_recipient)
      .with("to", notice.to)
      .with("as", *posted)
      .notice();
  co_return *posted;
}

}  // namespace waxwing::mta::notify
