// A mappings file, and probes on all of its tables: the first line is the probe.
#include "mta/config/mappings.h"

#include "mta/address/mapping.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::mta;

FUZZ_TARGET(mappings) {
  static const std::string kCnf = ". $U%$H@out\n\nl\nl-host\n\nout\nout\n";
  fuzz::Input in(input);
  const auto probe = in.line().substr(0, 512);
  SourceSet sources;
  sources.set_file("imta.cnf", kCnf);
  sources.set_file("mappings", std::string(in.rest()));
  sources.set_symbol("IMTA_HOST", "l-host");
  sources.set_symbol("IMTA_DEFAULTDOMAIN", "example.com");
  (void)compile_pattern(in.rest());
  (void)compile_map_template(in.rest());
  const auto config = MtaConfig::parse(std::move(sources));
  if (!config) {
    MUST(!config.error().text.empty());
    return;
  }
  const Lookup lookup{**config};
  MapFlags flags;
  flags.set('A');
  for (const auto& table : (*config)->mappings().tables()) {
    const auto result = apply_mapping(lookup, table.name(), probe, flags);
    if (result && !result->matched) MUST(result->text == probe);
  }
}
