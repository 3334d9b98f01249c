// Detours: pieces of a message to the channel that puts them together, what the mapping CONVERSIONS says to the
// conversion channel. Pieces first: what is in them can be looked at when they are a message again.
#include "mta/submission/detail/detours.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/directory/patiently.h"
#include "common/log/log.h"
#include "mta/address/mapping.h"

namespace waxwing::mta {

namespace {

constexpr const char* kDefragment = "defragment";
constexpr const char* kConversion = "conversion";
constexpr std::int64_t kTagsInConversions = 2;  // of INCLUDE_CONVERSIONTAG

// "Yes", "Yes,Channel=name"; anything else is no. The channel, or "".
std::string channel_of_answer(std::string_view answer) {
  const auto words = split(answer, ',');
  if (!iequals(trim(words.front()), "yes")) return {};
  for (const auto word : words) {
    const auto trimmed = trim(word);
    if (istarts_with(trimmed, "channel=")) return to_lower(trimmed.substr(8));
  }
  return kConversion;
}

std::string conversions_key(const std::string& channel, const std::string& tags) {
  return channel + " " + tags;
}

bool is_converted(const Submission::Inner& inner, const std::string& channel) {
  return !inner.source.channel.starts_with(kConversion) && !is_passed_by(channel);
}

// Where it goes on to from a stop.
queue::Detour way_on(const Submission::Inner& inner, const Destination& destination) {
  const auto& recipient = destination.recipient;
  queue::Detour detour;
  detour.channel = recipient.channel;
  detour.host = recipient.host.empty() ? recipient.channel : recipient.host;
  detour.from = origin_of(inner);
  detour.tags = recipient.tags;
  detour.no_vacation = destination.no_vacation;
  return detour;
}

std::optional<Stop> stop_for_conversion(const Submission::Inner& inner, const Destination& destination,
                                        const Channel& to) {
  const auto& recipient = destination.recipient;
  if (!is_converted(inner, recipient.channel)) return std::nullopt;
  const auto asked = inner.conversions.find(conversions_key(recipient.channel, recipient.tags));
  const auto by_table = asked == inner.conversions.end() ? std::string() : asked->second;
  const bool service = to.is(Kw::serviceconversion) && inner.config->channel(kConversion);
  if (by_table.empty() && !service) return std::nullopt;
  const auto channel = by_table.empty() ? std::string(kConversion) : by_table;
  auto detour = way_on(inner, destination);
  detour.convert = !by_table.empty();
  detour.service = service;
  return Stop{channel, channel, queue::encode_detour(detour)};
}

std::optional<Stop> stop_for_pieces(const Submission::Inner& inner, const Destination& destination,
                                    const Channel& to) {
  // What comes from there has been put together, or cannot be.
  if (inner.partial_id.empty() || !to.is(Kw::defragment) || inner.source.channel == kDefragment)
    return std::nullopt;
  if (!inner.config->channel(kDefragment)) return std::nullopt;
  // The pieces of one message are one host, so that they can be called together.
  const auto host = fmt::format("{:016x}", XXH3_64bits(inner.partial_id.data(), inner.partial_id.size()));
  return Stop{kDefragment, host, queue::encode_detour(way_on(inner, destination))};
}

}  // namespace

bool is_passed_by(std::string_view channel) {
  return channel.starts_with("process") || channel.starts_with("reprocess") ||
         channel.starts_with(kConversion) || channel == kDefragment || channel == "hold" ||
         channel == "bitbucket" || channel == "filter_discard" || channel == "autoreply";
}

const std::string& origin_of(const Submission::Inner& inner) {
  return inner.source.origin.empty() ? inner.source.channel : inner.source.origin;
}

std::string probe_for(const Submission::Inner& inner, const std::string& to, const std::string& tags) {
  return "IN-CHAN=" + origin_of(inner) + ";OUT-CHAN=" + to + (tags.empty() ? "" : ";TAG=" + tags) +
         ";CONVERT";
}

std::optional<Stop> stop_before(const Submission::Inner& inner, const Destination& destination) {
  const auto& recipient = destination.recipient;
  const Channel* to = inner.config->channel(recipient.channel);
  if (!to || !recipient.list_state.empty()) return std::nullopt;
  if (auto stop = stop_for_pieces(inner, destination, *to)) return stop;
  return stop_for_conversion(inner, destination, *to);
}

Result<> ask_conversions(const Lookup& lookup, Submission::Inner& inner) {
  const auto* table = inner.config->mappings().table(OwnTable::conversions);
  if (!table) return {};
  const bool with_tags =
      (inner.config->options().number(Opt::INCLUDE_CONVERSIONTAG) & kTagsInConversions) != 0;
  for (const auto& destination : inner.destinations) {
    const auto& recipient = destination.recipient;
    const auto& to = channel_for(inner, recipient.channel);
    const auto key = conversions_key(to, recipient.tags);
    if (!is_converted(inner, to) || inner.conversions.contains(key)) continue;
    TRY(const auto answer,
        apply_mapping(lookup, *table, probe_for(inner, to, with_tags ? recipient.tags : "")));
    const auto channel = answer.matched ? channel_of_answer(answer.text) : std::string();
    if (!channel.empty() && !inner.config->channel(channel))
      return temporary("CONVERSIONS (" + answer.where + ") names channel " + printable(channel) +
                       ", which imta.cnf does not have");
    inner.conversions.emplace(key, channel);
  }
  return {};
}

Task<Verdict> Submission::Inner::find_conversions() {
  auto ask = [this](directory::Ask patience) -> Result<bool> {
    TRY_VOID(ask_conversions({*config, &submitter->view(), patience}, *this));
    TRY_VOID(ask_charset_conversion({*config, &submitter->view(), patience}, *this));
    return true;
  };
  auto asked = co_await directory::patiently(workers(), ask);
  if (asked) co_return Verdict{};
  log::Event("mta.conversions.failed").with("qid", queue_id).with("error", asked.error().text).error();
  co_return verdict_of(asked.error());
}

std::string tags_of(const Submission::Inner& inner, const Recipient& recipient, const AccessVerdict& access) {
  std::vector<std::string> tags;
  const auto add = [&](std::string_view list) {
    if (list.empty()) return;
    for (const auto tag : split(list, ','))
      if (const auto word = trim(tag); !word.empty() && std::ranges::find(tags, word) == tags.end())
        tags.emplace_back(word);
  };
  add(recipient.tags);
  add(inner.tags);
  for (const auto& tag : access.conversion_tags) add(tag);
  if (inner.channel)
    for (const auto& tag : inner.channel->words(Kw::sourceconversiontag)) add(tag);
  if (const Channel* to = inner.config->channel(recipient.channel))
    for (const auto& tag : to->words(Kw::conversiontag)) add(tag);
  return join(tags, ",");
}

RecipientOptions wishes_of(const queue::Recipient& waiting) {
  return {waiting.notify, waiting.original, waiting.has_flag(queue::kNoVacation)};
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
  const auto wishes = wishes_of(waiting);
  inner.given.push_back(waiting.address);
  auto taken = inner.take(std::move(recipient), {}, waiting.address, wishes);
  co_return taken;
}

}  // namespace waxwing::mta
