// Applying a mapping table to a probe string. mappings(5) tells the language.
#pragma once

#include <bitset>
#include <string>
#include <string_view>

#include "mta/address/context.h"

namespace waxwing::mta {

// Flags by their letter, upper case: $Y is 'Y', $< is '<'.
class MapFlags {
 public:
  void set(char flag) { bits_.set(index(flag)); }
  void set(const MapFlags& others) { bits_ |= others.bits_; }
  bool has(char flag) const { return bits_.test(index(flag)); }
  bool any() const { return bits_.any(); }
  std::string letters() const;

 private:
  static std::size_t index(char flag) { return static_cast<unsigned char>(upper(flag)) & 127U; }
  std::bitset<128> bits_;
};

struct MapResult {
  bool matched = false;  // some row did
  std::string text;      // output without its flags; the probe itself when nothing matched
  MapFlags flags;
  std::string where;  // of the last row that matched: "mappings:12"
};

// inputs: the flags that $:x and $;x ask for. A table that is not there matches nothing. Errors: would-block
// (Ask::cache_only), temporary (the directory is down and the row has no $.text.), permanent (rows that
// restart for ever, a probe that no pattern can be tried on in reasonable time).
Result<MapResult> apply_mapping(const Lookup& lookup, std::string_view table, std::string_view probe,
                                const MapFlags& inputs = {});
// The same for a table at hand, one of lookup.config.
Result<MapResult> apply_mapping(const Lookup& lookup, const MappingTable& table, std::string_view probe,
                                const MapFlags& inputs = {});

}  // namespace waxwing::mta
