#include "mta/config/build_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "mta/config/mta_config.h"
#include "mta/config/publish_file.h"

namespace waxwing::mta {
namespace {

constexpr std::string_view kMagic = "waxwing-mta-build";

std::string checksum(std::string_view body) {
  return fmt::format("{:016x}", XXH64(body.data(), body.size(), 0));
}

void put(std::string& out, std::string_view kind, const std::string& name, const std::string& value) {
  out += fmt::format("{} {} {}\n", kind, value.size(), name);
  out += value;
  out += '\n';
}

std::unexpected<Error> damaged(const std::string& what) {
  return permanent("the published MTA configuration is damaged (" + what + "); run imsimta cnbuild");
}

Result<> decode_section(std::string_view& body, SourceSet& sources) {
  const auto header = split(take_until(body, '\n'), ' ');
  const auto size = header.size() == 3 ? to_number<std::size_t>(header[1]) : std::nullopt;
  if (!size || *size >= body.size() || body[*size] != '\n') return damaged("a section is cut short");
  std::string value(body.substr(0, *size));
  body.remove_prefix(*size + 1);
  if (header[0] == "file")
    sources.set_file(std::string(header[2]), std::move(value));
  else if (header[0] == "symbol")
    sources.set_symbol(std::string(header[2]), std::move(value));
  else
    return damaged("unknown section");
  return {};
}

}  // namespace

std::string build_path(const std::string& root) {
  return root + "/config/built/mta.built";
}

std::string encode_build(const SourceSet& sources, std::string_view time) {
  std::string body;
  for (const auto& [name, text] : sources.files()) put(body, "file", name, text);
  for (const auto& [name, value] : sources.symbols()) put(body, "symbol", name, value);
  return fmt::format("{} {} {} {}\n", kMagic, kBuildVersion, checksum(body), time) + body;
}

Result<Build> decode_build(std::string_view bytes) {
  const auto header = split(take_until(bytes, '\n'), ' ');
  if (header.size() != 4 || header[0] != kMagic)
    return damaged("it does not begin with " + std::string(kMagic));
  if (header[1] != std::to_string(kBuildVersion))
    return permanent("the published MTA configuration is of version " + printable(header[1], 10) +
                     ", this program reads version " + std::to_string(kBuildVersion) +
                     "; run imsimta cnbuild");
  if (checksum(bytes) != header[2]) return damaged("wrong checksum");
  Build build;
  build.id = std::string(header[3]) + " " + std::string(header[2]);
  while (!bytes.empty()) TRY_VOID(decode_section(bytes, build.sources));
  return build;
}

Result<Build> read_build(const std::string& root) {
  const auto path = build_path(root);
  if (!file_exists(path))
    return permanent(path + " is not there; run imsimta cnbuild to publish the configuration");
  TRY(auto bytes, read_file(path));
  auto build = decode_build(bytes);
  if (!build) return wrap(build.error(), path);
  return build;
}

Result<std::string> publish_build(const std::string& root, const SourceSet& sources) {
  TRY_VOID(make_directories(root + "/config/built", 0750));
  const auto bytes = encode_build(sources, iso_timestamp(wall_ms()));
  TRY(auto build, decode_build(bytes));
  TRY_VOID(publish_file(build_path(root), bytes));
  return build.id;
}

}  // namespace waxwing::mta
