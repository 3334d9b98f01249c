#include "mta/config/channel_parser.h"

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/config/channel_name.h"

namespace waxwing::mta {
namespace {

constexpr std::size_t kMaxKeyword = 32;
constexpr std::size_t kMaxArgument = 1024;

// Keywords of each group, by the group of a keyword: to switch the others off.
bool same_group(const KeywordSpec& a, const KeywordSpec& b) {
  return !a.group.empty() && a.group == b.group;
}

bool is_host(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::ranges::all_of(name, [](char c) {
    return c > ' ' && c != '@' && c != '%' && c != '!' && c < 127;
  });
}

bool fits(KeywordArgs args, std::string_view word) {
  switch (args) {
    case KeywordArgs::number:
    case KeywordArgs::numbers:
      return to_number<std::int64_t>(word).has_value();
    case KeywordArgs::durations:
      return iso_duration_seconds(word).has_value();
    default:
      return find_keyword(word) == nullptr;
  }
}

}  // namespace

ChannelParser::ChannelParser(std::vector<std::string>& errors, std::vector<std::string>& warnings)
    : errors_(errors), warnings_(warnings) {
  for (const auto& spec : keyword_table())
    if (spec.usual) defaults_.in_force_.set(static_cast<std::size_t>(spec.id));
  // Words that name another: the named one is asked for, so it must be in force too.
  for (const auto& spec : keyword_table())
    if (spec.usual)
      for (const auto other : keyword_means(spec.id))
        defaults_.in_force_.set(static_cast<std::size_t>(other));
}

void ChannelParser::error(const SourceLine& line, const std::string& text) {
  errors_.push_back(line.where() + ": " + text);
}

std::optional<Channel> ChannelParser::block(std::span<const SourceLine> lines) {
  const auto& first = lines.front();
  const auto words = split_words(first.text);
  const auto errors_before = errors_.size();
  if (iequals(words[0], "defaults")) {
    keywords(defaults_, std::span(words).subspan(1), first);
    if (lines.size() > 1)
      error(lines[1], "a defaults block has one line; a blank line is missing before this");
    return std::nullopt;
  }
  if (iequals(words[0], "nodefaults")) {
    defaults_ = ChannelParser(errors_, warnings_).defaults_;
    if (lines.size() > 1) error(lines[1], "nodefaults stands alone; a blank line is missing before this");
    return std::nullopt;
  }
  Channel channel = defaults_;
  channel.where_ = first.where();
  channel.name_ = std::string(words[0]);
  if (!is_channel_name(channel.name_))
    error(first, "\"" + printable(channel.name_) +
                     "\" is no channel name: up to 32 lower case letters, digits, '_', '-' and '$'");
  keywords(channel, std::span(words).subspan(1), first);
  names(channel, lines.subspan(1));
  if (errors_.size() != errors_before) return std::nullopt;
  return channel;
}

void ChannelParser::keywords(Channel& channel, std::span<const std::string_view> words,
                             const SourceLine& line) {
  for (std::size_t i = 0; i < words.size();) {
    const auto* spec = find_keyword(words[i]);
    if (!spec) {
      if (words[i].size() > kMaxKeyword)
        error(line, "\"" + printable(words[i], 60) + "\" is no keyword and too long for a group id");
      channel.group_ids_.emplace_back(words[i++]);
      continue;
    }
    std::vector<std::string> arguments;
    i += 1 + take_arguments(*spec, words.subspan(i + 1), arguments, line);
    apply(channel, spec->id, arguments);
  }
}

// How many of words belong to the keyword.
std::size_t ChannelParser::take_arguments(const KeywordSpec& spec, std::span<const std::string_view> words,
                                          std::vector<std::string>& arguments, const SourceLine& line) {
  if (spec.args == KeywordArgs::none) return 0;
  std::size_t most = words.size();
  if (spec.args == KeywordArgs::word || spec.args == KeywordArgs::number) most = 1;
  if (spec.args == KeywordArgs::one_or_two) most = 2;
  while (arguments.size() < std::min(most, words.size())) {
    auto word = words[arguments.size()];
    if (word.size() >= 2 && word.front() == '"' && word.back() == '"') {
      word = word.substr(1, word.size() - 2);
    }
    // The one argument of a keyword may be spelt like a keyword (pool single); in lists it ends the list.
    if ((spec.args != KeywordArgs::word || word.empty()) && !fits(spec.args, word)) break;
    if (word.size() > kMaxArgument)
      error(line, "argument of " + std::string(spec.name) + " is longer than 1024 characters");
    arguments.emplace_back(word);
  }
  if (arguments.empty())
    error(line, "keyword " + std::string(spec.name) + " needs an argument: " + std::string(spec.name) + " " +
                    std::string(args_text(spec.args)) +
                    (words.empty() ? "" : ", not \"" + printable(words[0], 60) + "\""));
  return arguments.size();
}

void ChannelParser::apply(Channel& channel, Kw keyword, const std::vector<std::string>& arguments) {
  const auto& spec = keyword_spec(keyword);
  for (const auto& other : keyword_table()) {
    if (other.id == keyword || !same_group(spec, other)) continue;
    channel.in_force_.reset(static_cast<std::size_t>(other.id));
    channel.arguments_.erase(other.id);
  }
  channel.in_force_.set(static_cast<std::size_t>(keyword));
  channel.arguments_[keyword] = arguments;
  for (const auto other : keyword_means(keyword)) {
    const auto& other_spec = keyword_spec(other);
    if (same_group(spec, other_spec)) {
      channel.in_force_.set(static_cast<std::size_t>(other));
      channel.arguments_[other] = arguments;
    } else {
      apply(channel, other, arguments);
    }
  }
}

bool ChannelParser::names(Channel& channel, std::span<const SourceLine> lines) {
  for (const auto& line : lines) {
    const auto words = split_words(line.text);
    if (words.size() > 2 || !is_host(words[0]) || (words.size() == 2 && !is_host(words[1]))) {
      error(line, "expected a host name of channel " + printable(channel.name_) +
                      " (and the alias it stands for); keywords go on the block's first line, and a blank "
                      "line ends the block");
      return false;
    }
    if (channel.tag_.empty()) channel.tag_ = std::string(words[0]);
    channel.hosts_.emplace(to_lower(words[0]),
                           words.size() == 2 ? std::string(words[1]) : std::string(words[0]));
  }
  if (const auto named = channel.word(Kw::official_host_name); !named.empty() && channel.tag_.empty())
    channel.tag_ = std::string(named);
  if (channel.tag_.empty()) {
    errors_.push_back(channel.where_ + ": channel " + printable(channel.name_) +
                      " has no official host name; put it on the line below, for example " +
                      printable(channel.name_) + "-daemon");
    return false;
  }
  return true;
}

}  // namespace waxwing::mta
