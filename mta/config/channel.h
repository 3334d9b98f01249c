// One channel of imta.cnf: its name, host names and keywords. Immutable; owned by MtaConfig.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/keywords.h"

namespace waxwing::mta {

class Channel {
 public:
  // "tcp_local": lower case.
  const std::string& name() const { return name_; }
  // The official host name (second line of the block), by which rewrite rules name the channel.
  const std::string& tag() const { return tag_; }
  // Further host names of the block: name -> the alias it is known by (equal when none is given).
  const std::map<std::string, std::string>& hosts() const { return hosts_; }

  // Is the keyword in force? For groups ("mx" family): the one chosen, or the usual one when none was.
  // Words that stand for two (maytls) are kept as the two: ask for maytlsserver.
  bool is(Kw keyword) const { return in_force_.test(static_cast<std::size_t>(keyword)); }
  // Was it written (here or in defaults)?
  bool given(Kw keyword) const { return arguments_.contains(keyword); }

  // Arguments of a keyword in force; "" / fallback / empty when it is not.
  std::string_view word(Kw keyword, std::size_t index = 0) const;
  std::int64_t number(Kw keyword, std::int64_t fallback) const;
  const std::vector<std::string>& words(Kw keyword) const;
  std::vector<std::int64_t> numbers(Kw keyword) const;
  std::vector<std::int64_t> seconds(Kw keyword) const;  // durations

  // Words that are no keyword: taken as group ids, without effect.
  const std::vector<std::string>& group_ids() const { return group_ids_; }
  // Keywords written that are in this state, and in force.
  std::vector<Kw> in_state(KeywordState state) const;
  const std::string& where() const { return where_; }  // "imta.cnf:42"

 private:
  friend class ChannelParser;
  std::string name_, tag_, where_;
  std::map<std::string, std::string> hosts_;
  std::bitset<512> in_force_;
  std::map<Kw, std::vector<std::string>> arguments_;
  std::vector<std::string> group_ids_;
};

}  // namespace waxwing::mta
