// qm jobs: the channel programs that the job controller has started.
#include <fmt/format.h>

#include "common/base/strings.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

namespace {
void print_job(const Record& job, bool json) {
  if (json)
    return JsonObject()
        .text("channel", job.get("channel"))
        .text("program", job.get("program"))
        .number("pid", job.number("pid"))
        .text("state", job.get("state"))
        .number("in_hand", job.number("in_hand"))
        .number("served", job.number("served"))
        .time("since", job.number("started"))
        .print();
  print(fmt::format("{:<20} {:<18} {:>8} {:<9} {:>8} {:>9}  {}\n", job.get("channel"), job.get("program"),
                    job.number("pid"), job.get("state"), job.number("in_hand"), job.number("served"),
                    when(job.number("started"))));
}
}  // namespace

Result<int> qm_jobs(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json");
  const auto channel = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish(qm_usage("jobs")));
  if (!json)
    print(fmt::format("{:<20} {:<18} {:>8} {:<9} {:>8} {:>9}  {}\n", "Channel", "Program", "Pid", "State",
                      "In hand", "Served", "Since"));
  TRY_VOID(ask_controller(context, Record("jobs").set("channel", channel),
                          [&](const Record& row) { print_job(row, json); }));
  return 0;
}

}  // namespace waxwing::imsimta
