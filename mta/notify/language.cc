#include "mta/notify/language.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "mta/address/mapping.h"

namespace waxwing::mta::notify {

namespace {
std::string happened(const Notice& notice) {
  std::string words;
  for (const auto& outcome : notice.outcomes) {
    const std::string word = outcome.action == Action::timed_out ? "timedout" : action_word(outcome.action);
    const auto known = split(words, ',');
    if (std::ranges::find(known, word) == known.end()) words += (words.empty() ? "" : ",") + word;
  }
  return words;
}
}  // namespace

Languages::Languages(const std::string& root, std::shared_ptr<const MtaConfig> config)
    : config_(std::move(config)), folders_(root, TextFamily::delivery) {}

const Templates& Languages::of(const Notice& notice) {
  if (!config_->mappings().table("NOTIFICATION_LANGUAGE")) return folders_.usual();
  const auto& envelope = *notice.envelope;
  const auto probe = happened(notice) + "|" + envelope.source_channel + "|" +
                     preferred_language(notice.original_header) + "|" + notice.to + "|" +
                     notice.outcomes.front().recipient->address;
  const Lookup lookup{*config_};
  const auto answer = apply_mapping(lookup, "NOTIFICATION_LANGUAGE", probe);
  if (!answer)
    log::Event("notify.language").with("qid", envelope.queue_id).with("error", answer.error().text).warning();
  const auto wanted = answer ? read_language_answer(*answer) : std::nullopt;
  return wanted ? folders_.of(wanted->folder, wanted->language) : folders_.usual();
}

}  // namespace waxwing::mta::notify
