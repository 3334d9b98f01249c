// Channel blocks of imta.cnf: defaults, nodefaults and channels.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mta/config/channel.h"
#include "mta/config/source.h"

namespace waxwing::mta {

class ChannelParser {
 public:
  ChannelParser(std::vector<std::string>& errors, std::vector<std::string>& warnings);

  // One block (no blank lines in it). Nothing for defaults blocks and for blocks with errors.
  std::optional<Channel> block(std::span<const SourceLine> lines);

 private:
  void keywords(Channel& channel, std::span<const std::string_view> words, const SourceLine& line);
  std::size_t take_arguments(const KeywordSpec& spec, std::span<const std::string_view> words,
                             std::vector<std::string>& arguments, const SourceLine& line);
  void apply(Channel& channel, Kw keyword, const std::vector<std::string>& arguments);
  bool names(Channel& channel, std::span<const SourceLine> lines);
  void error(const SourceLine& line, const std::string& text);

  std::vector<std::string>& errors_;
  std::vector<std::string>& warnings_;
  Channel defaults_;
};

}  // namespace waxwing::mta
