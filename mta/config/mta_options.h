// option.dat: options of the whole MTA, declared once in mta_options.inc.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mta/config/source.h"

namespace waxwing::mta {

enum class Opt : std::uint16_t {
#define MTA_OPTION(name, type, fallback, state, help) name,
#include "mta/config/mta_options.inc"
#undef MTA_OPTION
  count_
};

struct MtaOptionSpec {
  Opt id;
  std::string_view name;
  enum class Type { number, text } type;
  std::string_view fallback;
  bool implemented;
  std::string_view help;
};
const MtaOptionSpec* find_mta_option(std::string_view name);  // case-blind

class MtaOptions {
 public:
  MtaOptions();
  std::int64_t number(Opt option) const { return numbers_[static_cast<std::size_t>(option)]; }
  bool flag(Opt option) const { return number(option) != 0; }
  const std::string& text(Opt option) const { return texts_[static_cast<std::size_t>(option)]; }
  bool given(Opt option) const { return given_[static_cast<std::size_t>(option)]; }
  // "0.5": a number from 0 to 1; nothing when it is none.
  std::optional<double> share(Opt option) const;
  // In units of BLOCK_SIZE, rounded up.
  std::uint64_t blocks_of(std::uint64_t bytes) const {
    const auto block = static_cast<std::uint64_t>(std::max<std::int64_t>(number(Opt::BLOCK_SIZE), 1));
    return bytes / block + (bytes % block != 0 ? 1 : 0);
  }
  // Unknown options are errors (with the nearest name); known ones without effect go to warnings.
  static MtaOptions parse(const SourceSet& sources, std::string_view file, std::vector<std::string>& errors,
                          std::vector<std::string>& warnings);

 private:
  static constexpr std::size_t kCount = static_cast<std::size_t>(Opt::count_);
  std::array<std::int64_t, kCount> numbers_{};
  std::array<std::string, kCount> texts_;
  std::array<bool, kCount> given_{};
};

}  // namespace waxwing::mta
