// What the mapping CHARSET-CONVERSION orders for the ways that a message goes: asked when it is whole, once for each
// channel; mta/form does it.
#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/address/mapping.h"
#include "mta/submission/detail/detours.h"

namespace waxwing::mta {

namespace {

constexpr std::int64_t kTagsInCharsetConversion = 1;  // of INCLUDE_CONVERSIONTAG

std::string probed_tags(const Submission::Inner& inner, const Recipient& recipient) {
  const auto bits = inner.config->options().number(Opt::INCLUDE_CONVERSIONTAG);
  return (bits & kTagsInCharsetConversion) != 0 ? recipient.tags : std::string();
}

std::string reformat_key(const std::string& channel, const std::string& tags) {
  return channel + " " + tags;
}

}  // namespace

// What comes from a conversion channel is asked about here, and not when it went there.
Result<> ask_charset_conversion(const Lookup& lookup, Submission::Inner& inner) {
  const auto* table = inner.config->mappings().table(OwnTable::charset_conversion);
  if (!table) return {};
  for (const auto& destination : inner.destinations) {
    const auto& to = channel_for(inner, destination.recipient.channel);
    const auto tags = probed_tags(inner, destination.recipient);
    const auto key = reformat_key(to, tags);
    if (is_passed_by(to) || inner.reformats.contains(key)) continue;
    TRY(const auto answer, apply_mapping(lookup, *table, probe_for(inner, to, tags)));
    std::vector<std::string> unknown;
    const auto order = answer.matched ? parse_reformat(answer.text, &unknown) : Reformat();
    if (!unknown.empty())
      log::Event("mta.charset_conversion.unknown_word")
          .with("qid", inner.queue_id)
          .with("where", answer.where)
          .with("words", join(unknown, ","))
          .warning();
    inner.reformats.emplace(key, order.wanted ? answer.text : std::string());
  }
  return {};
}

std::string reformat_for(const Submission::Inner& inner, const Destination& destination,
                         const std::optional<Stop>& stop) {
  if (inner.reformats.empty()) return {};
  const auto tags = probed_tags(inner, destination.recipient);
  const auto found = inner.reformats.find(reformat_key(destination.recipient.channel, tags));
  if (found == inner.reformats.end() || found->second.empty()) return {};
  const bool always = parse_reformat(found->second).always;
  if (stop && (!always || stop->channel == "defragment")) return {};
  if (always && inner.source.channel.starts_with("conversion")) return {};  // it was done before
  return found->second + "\t" + tags;
}

void add_reformat(const Submission::Inner& inner, const queue::Envelope& envelope, form::Form& form) {
  if (envelope.reformat.empty()) return;
  const auto tab = envelope.reformat.find('\t');
  form.body.reformat = parse_reformat(std::string_view(envelope.reformat).substr(0, tab));
  form.way.in_channel = origin_of(inner);
  form.way.out_channel = envelope.channel;
  if (const auto onward = queue::parse_detour(envelope.recipients.front().flags))
    form.way.out_channel = onward->channel;
  for (const auto tag : split(std::string_view(envelope.reformat).substr(tab + 1), ','))
    if (!tag.empty()) form.way.tags.emplace_back(tag);
}

}  // namespace waxwing::mta
