// imsimta cnbuild: check everything, then publish it in one step.
#include <fmt/format.h>

#include "common/base/time.h"
#include "job_controller/controller_config.h"
#include "mta/config/mta_config.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> run_cnbuild(const Context& context, Arguments arguments) {
  const bool check_only = arguments.take("check");
  const bool statistics = arguments.take("statistics");
  TRY_VOID(arguments.finish("cnbuild [-check] [-statistics]"));
  const auto begin = monotonic_ms();
  TRY(auto sources, mta::read_sources(context.root));
  auto config = mta::MtaConfig::parse(sources);
  if (!config) return permanent("nothing published:\n" + config.error().text);
  const auto jobs = job_controller::ControllerConfig::parse(sources.text("job_controller.cnf"));
  if (!jobs) return permanent("nothing published:\n" + jobs.error().text);
  for (const auto& warning : jobs->warnings) fmt::print("warning: {}\n", warning);
  for (const auto& warning : (*config)->warnings()) fmt::print("warning: {}\n", warning);
  if (statistics)
    fmt::print("{} rewrite rules, {} channels, {} mapping tables, {} aliases, checked in {} ms\n",
               (*config)->rules().size(), (*config)->channels().size(), (*config)->mappings().tables().size(),
               (*config)->aliases().size(), monotonic_ms() - begin);
  if (check_only) {
    fmt::print("the configuration is good; nothing published\n");
    return 0;
  }
  TRY(auto id, mta::publish_build(context.root, sources));
  fmt::print("published build {}\n", id);
  return 0;
}

}  // namespace waxwing::imsimta
