// Detours: pieces of a message to the channel that puts them together.
#include "common/base/strings.h"
#include "mta/submission/detail/detours.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace waxwing::mta {

namespace {

constexpr const char* kDefragment = "defragment";

std::optional<Stop> stop_for_pieces(const Submission::Inner& inner, const Recipient& recipient,
                                    const Channel& to) {
  // What comes from there has been put together, or cannot be.
  if (inner.partial_id.empty() || !to.is(Kw::defragment) || inner.source.channel == kDefragment)
    return std::nullopt;
  if (!inner.config->channel(kDefragment)) return std::nullopt;
  // The pieces of one message are one host, so that they can be called together.
  const auto host = fmt::format("{:016x}", XXH3_64bits(inner.partial_id.data(), inner.partial_id.size()));
  return Stop{kDefragment, host, queue::encode_detour({recipient.channel, recipient.host, "", false})};
}

}  // namespace

std::optional<Stop> stop_before(const Submission::Inner& inner, const Recipient& recipient) {
  const Channel* to = inner.config->channel(recipient.channel);
  if (!to || !recipient.list_state.empty()) return std::nullopt;
  return stop_for_pieces(inner, recipient, *to);
}

Task<Verdict> Submission::resume(const queue::Recipient& waiting) {
  Inner& inner = *inner_;
  if (!inner.config) co_return Verdict{503, "5.5.1", "Sender first"};
  const auto detour = queue::parse_detour(waiting.flags);
  if (!detour) co_return Verdict{554, "5.3.5", "the queue file does not say where the message goes on"};
  if (!inner.config->channel(detour->channel))
    co_return Verdict{451, "4.3.5", "there is no channel " + detour->channel + " in imta.cnf any more"};
  Recipient recipient;
  recipient.channel = detour->channel;
  recipient.host = detour->host;
  recipient.address = waiting.address;
  recipient.expanded = waiting.intermediate.empty() ? waiting.address : waiting.intermediate;
  recipient.rewritten = recipient.expanded;
  recipient.tags = detour->tags;
  const auto where = split(waiting.final_data, '\t');
  if (where.size() >= 2) {
    recipient.mailbox = where[0];
    recipient.folder = where[1];
  }
  RecipientOptions wishes;
  wishes.notify = waiting.notify;
  wishes.original = waiting.original;
  inner.given.push_back(waiting.address);
  auto taken = inner.take(std::move(recipient), {}, waiting.address, wishes);
  co_return taken;
}

}  // namespace waxwing::mta
