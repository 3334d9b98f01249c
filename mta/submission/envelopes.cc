// From destinations to the envelopes of queue files.
#include <algorithm>
#include <map>
#include <tuple>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/address/srs.h"
#include "mta/form/address_text.h"
#include "mta/submission/detail/detours.h"
#include "mta/submission/detail/state.h"

namespace waxwing::mta {

namespace {

constexpr const char* kDiscardChannel = "filter_discard";

// RFC 4954 §5: what a peer says of others counts where its channel has saslpassauth and it has logged in.
std::string submitter_of(const Submission::Inner& inner) {
  const auto& said = inner.options.auth;
  const auto& source = inner.source;
  const bool believed = source.internal || (!source.auth_user.empty() && inner.channel->is(Kw::saslpassauth));
  if (believed && !said.empty()) return said == "<>" ? std::string() : said;
  return source.auth_address;
}

queue::Envelope common_part(const Submission::Inner& inner) {
  queue::Envelope envelope;
  envelope.queue_id = inner.queue_id;
  envelope.envelope_id = inner.options.envelope_id;
  envelope.ret = inner.options.ret;
  envelope.source_channel = inner.source.channel;
  envelope.auth_user = inner.source.auth_user;
  envelope.session_id = inner.source.session_id;
  envelope.smtputf8 = inner.options.smtputf8;
  envelope.priority = inner.priority;
  envelope.mt_priority = inner.options.mt_priority;
  envelope.require_tls = inner.options.require_tls;
  envelope.submitter = submitter_of(inner);
  envelope.future_release = inner.options.future_release;
  envelope.body = inner.options.body_binary ? "BINARYMIME" : inner.options.body_8bit ? "8BITMIME" : "";
  // "TCP|server|port|client|port"
  if (const auto& info = inner.source.transport_info; !info.empty()) {
    const auto pieces = split(info, '|');
    if (pieces.size() == 5) envelope.client = pieces[3];
  }
  if (const auto slash = inner.source.application_info.find('/'); slash != std::string::npos)
    envelope.helo = inner.source.application_info.substr(slash + 1);
  return envelope;
}

queue::Recipient queue_recipient(Destination& destination) {
  auto& from = destination.recipient;
  queue::Recipient to;
  if (!from.mailbox.empty()) to.final_data = from.mailbox + "\t" + from.folder + "\t";
  if (!from.list_state.empty()) to.final_data = std::move(from.list_state);
  to.original = std::move(destination.original);
  to.notify = std::move(destination.notify);
  if (destination.no_vacation) to.flags = queue::kNoVacation;
  if (from.expanded != from.address) to.intermediate = std::move(from.expanded);
  to.host = from.host.empty() ? from.channel : std::move(from.host);
  to.address = std::move(from.address);
  return to;
}

// Large messages wait behind others: the channel's limits, else those of option.dat.
queue::Priority limited_priority(const MtaConfig& config, const Channel* channel, queue::Priority priority,
                                 std::uint64_t size) {
  const auto& options = config.options();
  const auto block = std::max<std::int64_t>(options.number(Opt::BLOCK_SIZE), 1);
  const auto over = [&](Kw keyword, Opt option) {
    const auto limit = channel ? channel->number(keyword, options.number(option)) : options.number(option);
    return limit > 0 && size > static_cast<std::uint64_t>(limit * block);
  };
  if (over(Kw::nonurgentblocklimit, Opt::NON_URGENT_BLOCK_LIMIT) ||
      over(Kw::normalblocklimit, Opt::NORMAL_BLOCK_LIMIT))
    return queue::Priority::nonurgent;
  if (over(Kw::urgentblocklimit, Opt::URGENT_BLOCK_LIMIT)) return std::min(priority, queue::Priority::normal);
  return priority;
}

// How many recipients one file of this channel takes, and whether hosts are kept apart.
struct Cut {
  std::size_t per_file = SIZE_MAX;
  bool by_host = false;
};
Cut cut_of(const MtaConfig& config, const std::string& channel_name) {
  Cut cut;
  const Channel* channel = config.channel(channel_name);
  if (!channel) return cut;
  if (channel->is(Kw::single)) cut.per_file = 1;
  if (channel->is(Kw::single_sys)) cut.by_host = true;
  if (const auto limit = channel->number(Kw::addrsperfile, 0); limit > 0)
    cut.per_file = std::min(cut.per_file, static_cast<std::size_t>(limit));
  return cut;
}

form::AddressStyle style_of(const Channel* channel) {
  if (channel && channel->is(Kw::k733)) return form::AddressStyle::percent;
  if (channel && channel->is(Kw::uucp)) return form::AddressStyle::bang;
  return form::AddressStyle::source_route;
}

// Deferred-delivery: counts where the channel it came from or the one it goes to honours it. What was discarded
// waits in its channel for somebody to look for it.
std::int64_t deferred_until(const Submission::Inner& inner, const Channel* to) {
  if (to && to->name() == kDiscardChannel)
    return wall_ms() + inner.submitter->daemon().config()->number("filter.discardkeep") * 1000;
  const auto* from = inner.channel;
  const bool honoured = (from && (from->is(Kw::deferred) || from->is(Kw::deferredsource))) ||
                        (to && (to->is(Kw::deferred) || to->is(Kw::deferreddest)));
  return std::max(honoured ? inner.deferred_until_ms : 0, inner.options.hold_until_ms);
}

// The hold channel has nothing to deliver: its files are held from the start, and no program has to rename
// them one by one.
std::string hold_reason(const Submission::Inner& inner, const std::string& channel_name) {
  if (channel_name == "hold") return "in the hold channel: release resolves the addresses again";
  const Channel* channel = inner.config->channel(channel_name);
  const auto limit = channel ? channel->number(Kw::holdlimit, 0) : 0;
  const auto source_limit = inner.channel ? inner.channel->number(Kw::holdlimit, 0) : 0;
  const auto count = static_cast<std::int64_t>(inner.given.size());
  if ((limit > 0 && count > limit) || (source_limit > 0 && count > source_limit))
    return "more recipients than holdlimit";
  return inner.hold_reason;
}

bool wants_srs_to(const Submission::Inner& inner, const Destination& destination) {
  const auto* channel = inner.config->channel(destination.recipient.channel);
  return channel && channel->is(Kw::destinationsrs);
}

}  // namespace

const std::string& channel_for(const Submission::Inner& inner, const std::string& name) {
  const Channel* channel = inner.config->channel(name);
  const Channel* other = channel ? inner.config->channel(channel->word(Kw::alternatechannel)) : nullptr;
  if (!other) return name;
  const auto block = std::max<std::int64_t>(inner.config->options().number(Opt::BLOCK_SIZE), 1);
  const auto over = [&](Kw keyword, std::uint64_t is, std::int64_t unit) {
    const auto limit = channel->number(keyword, 0);
    return limit > 0 && is > static_cast<std::uint64_t>(limit * unit);
  };
  const bool large = over(Kw::alternateblocklimit, inner.size, block) ||
                     over(Kw::alternatelinelimit, inner.lines, 1) ||
                     over(Kw::alternaterecipientlimit, inner.given.size(), 1);
  return large ? other->name() : name;
}

bool keep_discarded(Submission::Inner& inner) {
  constexpr std::int64_t kToChannel = 2;
  const bool kept = inner.config->options().number(Opt::FILTER_DISCARD) == kToChannel &&
                    inner.config->channel(kDiscardChannel) && !inner.list;
  if (!kept) return false;
  inner.hold_reason.clear();
  for (auto& destination : inner.destinations) {
    destination.recipient.channel = destination.recipient.host = kDiscardChannel;
    destination.held = false;
  }
  return true;
}

std::vector<queue::Envelope> make_envelopes(Submission::Inner& inner) {
  using Key = std::tuple<std::string, std::string, bool, std::string, std::string, std::string>;
  std::map<Key, std::size_t> open;  // the envelope that still takes recipients
  auto last = open.end();           // most recipients go where the one before them went
  std::vector<queue::Envelope> envelopes;
  const auto plain = common_part(inner);
  std::string srs_sender;
  if (inner.srs) srs_sender = srs_encode(srs_keys(*inner.config), inner.sender, wall_seconds()).value_or("");
  for (auto& destination : inner.destinations) {
    destination.recipient.channel = channel_for(inner, destination.recipient.channel);
    const bool own_sender = destination.envelope_from == inner.sender;
    if (own_sender && !srs_sender.empty() && wants_srs_to(inner, destination))
      destination.envelope_from = srs_sender;
    const auto stop = stop_before(inner, destination);
    const auto& channel = stop ? stop->channel : destination.recipient.channel;
    const auto style = style_of(inner.config->channel(channel));
    destination.recipient.address = form::styled(destination.recipient.address, style);
    const auto cut = cut_of(*inner.config, channel);
    const auto reformat = reformat_for(inner, destination, stop);
    static const std::string none;
    // The members of a list may be at as many hosts as there are: they share files.
    const auto key = std::tie(channel, destination.envelope_from, destination.held,
                              cut.by_host && !inner.list ? destination.recipient.host : none,
                              stop ? stop->flags : none, reformat);
    bool fresh = last == open.end() || last->first != key;
    if (fresh) std::tie(last, fresh) = open.try_emplace(key, envelopes.size());
    const auto at = last;
    if (fresh || envelopes[at->second].recipients.size() >= cut.per_file) {
      at->second = envelopes.size();
      auto& envelope = envelopes.emplace_back(plain);
      envelope.channel = channel;
      envelope.reformat = reformat;
      envelope.priority = limited_priority(*inner.config, inner.config->channel(envelope.channel),
                                           inner.priority, inner.size);
      envelope.sender = form::styled(destination.envelope_from, style);
      // A list sends in its own name from here on: RFC 2852 §5.
      if (own_sender) {
        envelope.deliver_by_ms = inner.options.deliver_by_ms;
        envelope.by_returns = inner.options.by_returns;
        envelope.by_trace = inner.options.by_trace;
      }
      envelope.deferred_until_ms = deferred_until(inner, inner.config->channel(envelope.channel));
      envelope.held_reason =
          destination.held ? "held by address or access table" : hold_reason(inner, envelope.channel);
    }
    auto& recipient = envelopes[at->second].recipients.emplace_back(queue_recipient(destination));
    if (!stop) continue;
    recipient.host = stop->host;
    recipient.flags = stop->flags;
  }
  return envelopes;
}

}  // namespace waxwing::mta
