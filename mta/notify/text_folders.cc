#include "mta/notify/text_folders.h"

#include <algorithm>
#include <vector>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/mail/header.h"

namespace waxwing::mta::notify {

namespace {
constexpr std::size_t kMostFolders = 64;  // a mapping may make them up

// Under config/locale it may not lead out of it.
bool is_folder(std::string_view name) {
  return !name.empty() && name.size() <= 500 && name.find("..") == name.npos && name.find('\0') == name.npos;
}
}  // namespace

bool is_language_tag(std::string_view text) {
  return !text.empty() && text.size() <= 35 &&
         std::ranges::all_of(text, [](char c) { return is_alnum(c) || c == '-'; });
}

std::string preferred_language(std::string_view header) {
  const auto block = mail::HeaderBlock::scan(header);
  for (const char* name : {"Accept-Language", "Preferred-Language", "X-Accept-Language"}) {
    const auto value = block.value(name);
    if (!value) continue;
    const auto text = mail::unfold(*value);
    const auto first = trim(std::string_view(text).substr(0, text.find_first_of(",;")));
    if (is_language_tag(first)) return std::string(first);
  }
  return {};
}

std::optional<LanguageAnswer> read_language_answer(const MapResult& answer) {
  const bool both = answer.flags.has('I') && answer.flags.has('D');
  if (!answer.matched || (!both && !answer.flags.has('I') && !answer.flags.has('D'))) return std::nullopt;
  std::string_view text = answer.text;
  LanguageAnswer found;
  if (both) found.language = trim(take_until(text, '|'));
  if (!is_language_tag(found.language)) found.language.clear();
  found.folder = trim(take_until(text, '|'));
  found.rest = text;
  if (!is_folder(found.folder)) return std::nullopt;
  return found;
}

TextFolders::TextFolders(const std::string& root, TextFamily family)
    : locale_(root + "/config/locale/"), family_(family) {
  usual_ = &of("C", "");
}

const Templates& TextFolders::of(const std::string& name, const std::string& language) {
  const std::lock_guard guard(mutex_);
  if (by_folder_.size() >= kMostFolders && !by_folder_.contains(name)) return usual();
  const auto [at, fresh] = by_folder_.try_emplace(name);
  if (!fresh) return at->second;
  std::vector<std::string> problems;
  const auto directory = name.starts_with('/') ? name : locale_ + name;
  at->second = Templates::load(directory, problems, name == "C" ? nullptr : &usual(), family_);
  if (!language.empty()) at->second.set_language(language);
  for (const auto& problem : problems) log::Event("notify.no_text").with("why", problem).warning();
  return at->second;
}

}  // namespace waxwing::mta::notify
