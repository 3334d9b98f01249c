// imta.cnf whole: rules and channel blocks; then a few addresses through what could be read of it. A line
// "@@ name" begins another file: mappings, aliases, option.dat.
#include "mta/config/mta_config.h"

#include "mta/address/mapping.h"
#include "mta/address/resolve.h"
#include "mta/address/rewrite.h"
#include "mta/config/build_file.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta;

namespace {

SourceSet sources_of(std::string_view input) {
  SourceSet sources;
  std::string name = "imta.cnf", text;
  for (fuzz::Input in(input); !in.at_end();) {
    const auto line = in.line();
    if (line.starts_with("@@ ") && line.find(' ', 3) == std::string_view::npos) {
      sources.set_file(std::exchange(name, std::string(line.substr(3))), std::exchange(text, {}));
    } else {
      text.append(line).append("\n");
    }
  }
  sources.set_file(name, text);
  sources.set_symbol("IMTA_HOST", "mail.example.com");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  return sources;
}

void use(const MtaConfig& config) {
  const Lookup lookup{config};
  for (const char* domain : {"example.com", "a.b.example.org", "[192.0.2.1]", "mail.example.com"}) {
    RewriteRequest request{
        .local = "joe+tag", .domain = domain, .route = {}, .source = &config.channels().front()};
    const auto rewritten = rewrite(lookup, request);
    if (rewritten && *rewritten) MUST((*rewritten)->channel != nullptr && !(*rewritten)->host.empty());
  }
  for (const char* address : {"postmaster@mail.example.com", "@a,@b:joe@example.com", "x%y@example.com"})
    (void)resolve_recipient(lookup, {.address = address, .source = &config.channels().front()});
  for (const auto& table : config.mappings().tables())
    (void)apply_mapping(lookup, table.name(), "tcp_local|joe@example.com|l|192.0.2.1");
}

}  // namespace

FUZZ_TARGET(mta_config) {
  const auto sources = sources_of(input);
  const auto bytes = encode_build(sources, "2026-11-22");
  const auto build = decode_build(bytes);
  MUST(build && build->sources.files() == sources.files());
  const auto config = MtaConfig::parse(sources);
  if (!config) MUST(!config.error().text.empty());
  if (config && !(*config)->channels().empty()) use(**config);
}
