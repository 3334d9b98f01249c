#include "tools/imsimta/qm_complete.h"

#include <algorithm>

#include "common/base/strings.h"

namespace waxwing::imsimta {

namespace {

struct Word {
  std::string text;
  bool stands_for_itself = true;  // and not for a name, a file, a number
};

// "[-confirm|-noconfirm]" -> "-confirm", "-noconfirm"; "[-match=and|or]" -> "-match=and", "-match=or";
// "[-top=n]" -> "-top="; "show|clear" -> "show", "clear"; "[id ...]" -> "id", which stands for something.
std::vector<Word> words_of(std::string_view usage) {
  std::vector<Word> words;
  for (auto item : split_words(usage)) {
    while (!item.empty() && item.front() == '[') item.remove_prefix(1);
    while (!item.empty() && (item.back() == ']' || item.back() == '.')) item.remove_suffix(1);
    const auto equals = item.find('=');
    const auto values = equals == item.npos ? item : item.substr(equals + 1);
    const std::string name(equals == item.npos ? "" : item.substr(0, equals + 1));
    if (!name.empty() && values.find('|') == values.npos) {
      words.push_back({name});
      continue;
    }
    const bool itself = item.starts_with('-') || values.find('|') != values.npos;
    for (const auto value : split(values, '|')) words.push_back({name + std::string(value), itself});
  }
  return words;
}

std::string_view first_word(std::string_view usage) {
  return usage.substr(0, usage.find(' '));
}

std::vector<std::string> choices_for(const Typed& typed, const std::vector<std::string>& usages,
                                     const std::function<std::vector<std::string>()>& channels) {
  std::vector<std::string> choices;
  if (typed.words.empty() || (typed.words.size() == 1 && iequals(typed.words[0], "help"))) {
    for (const auto& usage : usages) choices.emplace_back(first_word(usage));
    return choices;
  }
  const auto of_command = std::ranges::find_if(
      usages, [&](const auto& usage) { return iequals(first_word(usage), typed.words[0]); });
  if (of_command == usages.end()) return choices;
  const bool dash = typed.begun.starts_with('-');
  const bool of_channel = istarts_with(typed.begun, "-channel=");
  for (auto& word : words_of(std::string_view(*of_command).substr(first_word(*of_command).size()))) {
    const bool is_channel = word.text == "channel" || (word.text == "-channel=" && of_channel);
    if (word.text.starts_with('-') != dash || (!is_channel && !word.stands_for_itself)) continue;
    if (!is_channel)
      choices.push_back(std::move(word.text));
    else
      for (const auto& name : channels()) choices.push_back((dash ? "-channel=" : "") + name);
  }
  return choices;
}

}  // namespace

Typed split_typed(std::string_view before_cursor) {
  Typed typed;
  for (const auto word : split_words(before_cursor)) typed.words.emplace_back(word);
  if (!typed.words.empty() && before_cursor.back() != ' ' && before_cursor.back() != '\t') {
    typed.begun = std::move(typed.words.back());
    typed.words.pop_back();
  }
  return typed;
}

Completion complete_typed(std::string_view before_cursor, const std::vector<std::string>& usages,
                          const std::function<std::vector<std::string>()>& channels) {
  const auto typed = split_typed(before_cursor);
  Completion completion;
  completion.choices = choices_for(typed, usages, channels);
  std::erase_if(completion.choices,
                [&](const std::string& choice) { return !istarts_with(choice, typed.begun); });
  std::ranges::sort(completion.choices);
  const auto repeated = std::ranges::unique(completion.choices);
  completion.choices.erase(repeated.begin(), repeated.end());
  if (completion.choices.empty()) return completion;
  // Sorted: what first and last have in common, all have.
  const auto &first = completion.choices.front(), &last = completion.choices.back();
  const auto differ = std::ranges::mismatch(first, last);
  completion.common.assign(first.begin(), differ.in1);
  completion.final = completion.choices.size() == 1 && !first.ends_with('=');
  return completion;
}

}  // namespace waxwing::imsimta
