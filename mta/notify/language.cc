#include "mta/notify/language.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/header.h"
#include "mta/address/mapping.h"

namespace waxwing::mta::notify {

namespace {
constexpr std::size_t kMostFolders = 64;  // a mapping may make them up

// RFC 5646: letters, digits and hyphens.
bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= 35 &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

// Under config/locale it may not lead out of it.
bool is_folder(std::string_view name) {
  return !name.empty() && name.size() <= 500 && name.find("..") == name.npos && name.find('\0') == name.npos;
}

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

std::string preferred_language(std::string_view header) {
  const auto block = mail::HeaderBlock::scan(header);
  for (const char* name : {"Accept-Language", "Preferred-Language"}) {
    const auto value = block.value(name);
    if (!value) continue;
    const auto text = mail::unfold(*value);
    const auto first = trim(std::string_view(text).substr(0, text.find_first_of(",;")));
    if (is_tag(first)) return std::string(first);
  }
  return {};
}

Languages::Languages(std::string root, std::shared_ptr<const MtaConfig> config)
    : locale_(std::move(root) + "/config/locale/"), config_(std::move(config)) {
  folder("C", "");
}

const Templates& Languages::folder(const std::string& name, const std::string& language) {
  if (by_folder_.size() >= kMostFolders && !by_folder_.contains(name)) return by_folder_.at("C");
  const auto [at, fresh] = by_folder_.try_emplace(name);
  if (!fresh) return at->second;
  std::vector<std::string> problems;
  const auto directory = name.starts_with('/') ? name : locale_ + name;
  const auto* otherwise = name == "C" ? nullptr : &by_folder_.at("C");
  at->second = Templates::load(directory, problems, otherwise);
  if (!language.empty()) at->second.set_language(language);
  for (const auto& problem : problems) log::Event("notify.no_text").with("why", problem).warning();
  return at->second;
}

const Templates& Languages::of(const Notice& notice) {
  if (!config_->mappings().table("NOTIFICATION_LANGUAGE")) return by_folder_.at("C");
  const auto& envelope = *notice.envelope;
  const auto probe = happened(notice) + "|" + envelope.source_channel + "|" +
                     preferred_language(notice.original_header) + "|" + notice.to + "|" +
                     notice.outcomes.front().recipient->address;
  const Lookup lookup{*config_};
  const auto answer = apply_mapping(lookup, "NOTIFICATION_LANGUAGE", probe);
  if (!answer) {
    log::Event("notify.language").with("qid", envelope.queue_id).with("error", answer.error().text).warning();
    return by_folder_.at("C");
  }
  std::string_view rest = answer->text;
  const auto tag = answer->flags.has('I') ? std::string(trim(take_until(rest, '|'))) : std::string();
  const auto name = answer->flags.has('D') ? std::string(trim(take_until(rest, '|'))) : std::string();
  if (!answer->matched || !is_folder(name)) return by_folder_.at("C");
  return folder(name, is_tag(tag) ? tag : std::string());
}

}  // namespace waxwing::mta::notify
