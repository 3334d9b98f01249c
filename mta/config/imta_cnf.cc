#include "mta/config/imta_cnf.h"

#include <algorithm>
#include <set>

#include "common/base/strings.h"
#include "mta/config/channel_parser.h"

namespace waxwing::mta {
namespace {

// At runs of blanks, but a blank after $ belongs to the word.
std::vector<std::string_view> rule_words(std::string_view line) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < line.size();) {
    if (is_blank(line[at])) {
      ++at;
      continue;
    }
    const auto begin = at;
    while (at < line.size() && !is_blank(line[at])) at += line[at] == '$' ? 2 : 1;
    at = std::min(at, line.size());
    words.push_back(line.substr(begin, at - begin));
  }
  return words;
}

class Parser {
 public:
  Parser(std::vector<std::string>& errors, std::vector<std::string>& warnings)
      : errors_(errors), warnings_(warnings), blocks_(errors, warnings) {}

  ImtaCnf run(const std::vector<SourceLine>& lines) {
    std::size_t at = 0;
    while (at < lines.size() && lines[at].blank()) ++at;  // a file may begin with blank lines
    for (; at < lines.size() && !lines[at].blank(); ++at) rule(lines[at]);
    while (at < lines.size()) {
      while (at < lines.size() && lines[at].blank()) ++at;
      const auto begin = at;
      while (at < lines.size() && !lines[at].blank()) ++at;
      if (at > begin) block(std::span(lines).subspan(begin, at - begin));
    }
    return std::move(result_);
  }

 private:
  void rule(const SourceLine& line) {
    const auto words = rule_words(line.text);
    if (words.size() != 2) {
      errors_.push_back(line.where() +
                        ": a rewrite rule is a pattern and a template with no spaces in either" +
                        (words.size() == 1 ? "; the template is missing" : "; found more than two words") +
                        " (is a blank line missing before the channel blocks?)");
      return;
    }
    if (auto added = result_.rules.add(to_lower(words[0]), words[1], line.where()); !added)
      errors_.push_back(line.where() + ": " + added.error().text);
  }

  void block(std::span<const SourceLine> lines) {
    auto channel = blocks_.block(lines);
    if (!channel) return;
    if (result_.channels.empty() && channel->name() != "l")
      errors_.push_back(channel->where() + ": the first channel must be l, not " + channel->name() +
                        "; only defaults blocks may stand before it");
    if (!names_.insert(channel->name()).second)
      errors_.push_back(channel->where() + ": channel " + channel->name() + " is there twice; remove one");
    for (const auto& [host, alias] : channel->hosts())
      if (!hosts_.insert(host).second)
        errors_.push_back(channel->where() + ": host name " + host + " belongs to two channels; remove one");
    keywords(*channel);
    for (const auto& group : channel->group_ids())
      warnings_.push_back(channel->where() + ": \"" + printable(group) + "\" on channel " + channel->name() +
                          " is no keyword; it is taken as a group id, which has no effect here");
    result_.channels.push_back(std::move(*channel));
  }

  void keywords(const Channel& channel) {
    const auto name = [&](Kw keyword) {
      return channel.where() + ": keyword " + std::string(keyword_spec(keyword).name) + " of channel " +
             channel.name();
    };
    for (const auto keyword : channel.in_state(KeywordState::refused))
      errors_.push_back(name(keyword) + " is not supported, because " +
                        std::string(keyword_spec(keyword).help) + "; take it out");
    for (const auto keyword : channel.in_state(KeywordState::filters))
      warnings_.push_back(name(keyword) + " is accepted and waits for the filter engine: no effect yet");
    for (const auto keyword : channel.in_state(KeywordState::not_yet))
      warnings_.push_back(name(keyword) + " is accepted but has no effect yet");
  }

  std::vector<std::string>& errors_;
  std::vector<std::string>& warnings_;
  ChannelParser blocks_;
  ImtaCnf result_;
  std::set<std::string> names_, hosts_;
};

}  // namespace

ImtaCnf parse_imta_cnf(const SourceSet& sources, std::vector<std::string>& errors,
                       std::vector<std::string>& warnings) {
  if (!sources.has_file("imta.cnf")) {
    errors.push_back("imta.cnf is not in the config directory; run configure, or copy the template");
    return {};
  }
  const auto lines = read_lines(sources, "imta.cnf", sources.comment_marks(), errors);
  auto result = Parser(errors, warnings).run(lines);
  if (result.channels.empty() && errors.empty())
    errors.push_back(
        "imta.cnf: no channel blocks; after the rewrite rules must come a blank line and channel l");
  return result;
}

}  // namespace waxwing::mta
