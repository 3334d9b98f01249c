// imsimta rotate: the daily change of the MTA's transaction log, now.
#include <fmt/format.h>

#include "common/base/time.h"
#include "common/config/config.h"
#include "mta/mail_log/rotate.h"
#include "tools/imsimta/command.h"

namespace waxwing::imsimta {

Result<int> run_rotate(const Context& context, Arguments arguments) {
  TRY_VOID(arguments.finish("rotate"));
  TRY(const auto config, Config::load(context.root));
  const auto most = static_cast<std::uint64_t>(config->number("mta.maxmaillogsize"));
  TRY(const int logs,
      mta::mail_log::rotate(config->path_of("log"), mta::mail_log::When::now, wall_ms(), most));
  fmt::print("{}\n", logs == 0 ? "there is nothing to rotate" : "rotated");
  return 0;
}

}  // namespace waxwing::imsimta
