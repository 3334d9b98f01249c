#include "channels/ims_master/verdict.h"

#include <fmt/format.h>

namespace waxwing::channels {

namespace {
void judge_full(Work& work, std::size_t recipient, const std::string& text, const FullMailbox& full,
                std::int64_t now_ms) {
  if (full.what == Quota::hold) return work.hold("a mailbox is over its quota: " + text);
  if (now_ms - work.envelope().arrival_ms >= full.grace_ms)
    work.failed(recipient, "5.2.2 the mailbox is over its quota: " + text);
  else
    work.deferred(recipient, "4.2.2 the mailbox is over its quota: " + text);
}
}  // namespace

void judge(Work& work, std::size_t recipient, const store::DeliveryResult& result, const FullMailbox& full,
           std::int64_t now_ms) {
  using store::Delivered;
  switch (result.outcome) {
    case Delivered::ok:
    case Delivered::repeated:
      work.delivered(recipient, fmt::format("2.1.5 {} uid {}", result.mailbox, result.uid));
      work.say(recipient, "mailbox", result.mailbox);
      return work.say(recipient, "uid", std::to_string(result.uid));
    case Delivered::over_quota:
      return judge_full(work, recipient, result.text, full, now_ms);
    case Delivered::never_fits:
      return work.failed(recipient, "5.2.3 " + result.text);
    case Delivered::permanent:
      return work.failed(recipient, "5.2.0 " + result.text);
    case Delivered::no_space:
      return work.deferred(recipient, "4.3.1 " + result.text);
    case Delivered::temporary:
      break;
  }
  work.deferred(recipient, "4.2.0 " + result.text);
}

std::string delivery_id(const mta::queue::FileName& name, std::size_t recipient) {
  return fmt::format("{}.{}/{}", name.id, name.copy, recipient);
}

}  // namespace waxwing::channels
