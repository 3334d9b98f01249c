// config/built/mta.built: the checked texts of the MTA configuration in one file.
//
//   waxwing-mta-build 1 <16 hex digits of xxh64 over all that follows this line> <time>\n
//   file <bytes> <name>\n<bytes of text>\n      repeated
//   symbol <bytes> <name>\n<bytes of value>\n   repeated
//
// One file, replaced by rename: a reader has the old build or the new one, never a mixture.
#pragma once

#include <string>

#include "mta/config/source.h"

namespace waxwing::mta {

inline constexpr int kBuildVersion = 1;

struct Build {
  SourceSet sources;
  std::string id;  // time and checksum
};

std::string encode_build(const SourceSet& sources, std::string_view time);
// Permanent error: damaged, or of another version.
Result<Build> decode_build(std::string_view bytes);
Result<Build> read_build(const std::string& root);
std::string build_path(const std::string& root);

}  // namespace waxwing::mta
