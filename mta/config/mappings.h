// Mapping tables: patterns and templates of the mappings file, compiled. Applied by mta/address/mapping.h.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/base/result.h"
#include "common/base/strings.h"
#include "mta/config/source.h"

namespace waxwing::mta {

// One element of a pattern. Characters are compared case-blind (ASCII).
struct PatternItem {
  enum class Kind : std::uint8_t { text, one, many, again, subnet4, subnet6 };
  Kind kind = Kind::text;
  bool lazy = false;                       // many: the shortest match first ($_)
  bool save = true;                        // its text becomes a $n of the template ($@ turns it off)
  std::string text;                        // text: lower case
  std::bitset<256> set;                    // one, many: characters it takes
  int number = 0;                          // again: which saved text
  std::array<std::uint8_t, 16> address{};  // subnets, host order of bytes, masked
  int bits = 0;
};

struct MapStep {
  enum class Kind : std::uint8_t {
    text,
    saved,  // $n
    lower,
    upper,
    keep,
    ldap_quote,  // $\ $^ $_ $=
    sequence,
    ldap,
    table,
    domain_attribute,
    general,       // ${key}
    site_routine,  // $[lib,routine,arg]: text "lib,routine"
    next_row,
    again_once,
    restart,
    end,             // $C $L $R $E
    percent_chance,  // $?x?
    if_set,
    if_clear,       // $:x $;x
    lookup_failed,  // $.text.
    flag,           // $Y $N $T...: text holds the letter
  };
  Kind kind;
  int number = 0;
  std::string text;            // literal, flag letter, table name
  std::vector<MapStep> inner;  // argument
};

struct MapRow {
  std::vector<PatternItem> pattern;
  std::vector<MapStep> steps;
  std::string pattern_text, template_text, where;
};

class MappingTable {
 public:
  const std::string& name() const { return name_; }
  const std::vector<MapRow>& rows() const { return rows_; }

 private:
  friend class Mappings;
  std::string name_, where_;
  std::vector<MapRow> rows_;
};

struct MappingLimits {
  std::size_t max_pattern_bytes = 256;
  std::size_t max_joined_bytes = 16384;  // of a template, continued lines joined
  int max_depth = 8;                     // $|..| inside $|..|
};

// The tables that the MTA asks of itself, some of them for every recipient: found once, by parse().
enum class OwnTable : std::uint8_t {
  port_access,
  from_access,
  orig_send_access,
  send_access,
  orig_mail_access,
  mail_access,
  forward,
  reverse,
  conversions,
  etrn_access,
  charset_conversion,
  count_
};
std::string_view name_of(OwnTable table);

class Mappings {
 public:
  Mappings() { own_.fill(kAbsent); }
  const MappingTable* table(std::string_view name) const;  // case-blind; null when absent
  const MappingTable* table(OwnTable which) const {
    const auto at = own_[static_cast<std::size_t>(which)];
    return at == kAbsent ? nullptr : &tables_[at];
  }
  const std::vector<MappingTable>& tables() const { return tables_; }
  // Parses a whole file; errors appended, each with file, line and mend.
  static Mappings parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                        const MappingLimits& limits = {});

 private:
  static constexpr std::size_t kAbsent = SIZE_MAX;
  std::vector<MappingTable> tables_;
  std::unordered_map<std::string, std::size_t, CaseBlindHash, CaseBlindEqual> by_name_;
  // Places in tables_, not pointers: a Mappings is copied and moved.
  std::array<std::size_t, static_cast<std::size_t>(OwnTable::count_)> own_;
};

Result<std::vector<PatternItem>> compile_pattern(std::string_view text);
Result<std::vector<MapStep>> compile_map_template(std::string_view text, int max_depth = 8);

// Whether input fits the pattern; saved gets the texts of the wildcards. Bounded: gives up (false, and
// *gave_up) after max_steps comparisons, so that no pattern can hang a daemon.
bool match_pattern(const std::vector<PatternItem>& pattern, std::string_view input,
                   std::vector<std::string_view>& saved, bool* gave_up = nullptr,
                   std::size_t max_steps = 1000000);

}  // namespace waxwing::mta
