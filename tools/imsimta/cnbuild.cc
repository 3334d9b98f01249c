// imsimta cnbuild: check everything, then publish it in one step.
#include <fmt/format.h>

#include "common/base/time.h"
#include "common/config/config.h"
#include "dispatcher/settings.h"
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
  TRY(const auto options, Config::load(context.root));
  const auto config = mta::MtaConfig::parse(sources);
  const auto jobs = job_controller::ControllerConfig::parse(sources.text("job_controller.cnf"));
  const auto services = dispatcher::parse_settings(sources.text("dispatcher.cnf"), "dispatcher.cnf",
                                                   dispatcher::options_of(*options));
  std::string wrong;
  if (!config) wrong += "\n" + config.error().text;
  if (!jobs) wrong += "\n" + jobs.error().text;
  if (!services) wrong += "\n" + services.error().text;
  if (!wrong.empty()) return permanent("nothing published:" + wrong);
  for (const auto& note : services->notes) fmt::print("warning: {}\n", note);
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
