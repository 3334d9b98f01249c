// imsimta run: deliver a channel's mail now, on demand or not.
#include <cstdio>

#include "common/base/strings.h"
#include "tools/imsimta/queue_files.h"

namespace waxwing::imsimta {

Result<int> run_run(const Context& context, Arguments arguments) {
  const auto channel = to_lower(arguments.take_word());
  auto host = to_lower(arguments.take_word());
  if (host == "poll") host.clear();  // of other products, whose channels fetch mail
  TRY_VOID(arguments.finish("run channel [host|@domain|poll]"));
  if (channel.empty()) return permanent("which channel? imsimta run channel [host|@domain]");
  TRY(const auto answer,
      ask_controller(context,
                     Record("call").set("channel", channel).set("host", host).set("by", "operator")));
  std::printf("%lld deliveries of channel %s are on their way%s\n",
              static_cast<long long>(answer.number("units")), channel.c_str(),
              answer.number("stopped") != 0 ? " as soon as it is started: it is stopped" : "");
  return 0;
}

}  // namespace waxwing::imsimta
