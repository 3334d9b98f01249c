#include "tools/imsimta/next_try.h"

#include <fmt/format.h>

#include "common/base/strings.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

namespace {

// state: of a line of imsimta cache -view.
std::string why(std::string_view state, std::int64_t due_s, std::string_view why_down, bool stopped) {
  const auto then = due_s > 0 ? when(due_s) : std::string("soon");
  if (state == "active") return "being delivered now";
  if (stopped) return "its channel is stopped: imsimta queue start";
  if (state == "deferred") return "next try " + then;
  if (state == "host-down")
    return fmt::format("its host is down ({}), next try {}", printable(why_down), then);
  if (state == "on-demand") return "waits until it is asked for: imsimta run";
  if (state == "window") return "waits for its delivery window";
  return "waits for its turn";
}

}  // namespace

std::map<std::string, std::string> why_it_waits(const Context& context, const mta::queue::FileName& name) {
  std::map<std::string, std::string> reasons;
  if (name.held || !controller_runs(context)) return reasons;
  const auto answer = ask_controller(context, Record("where").set("file", name.relative()));
  if (!answer) return reasons;
  for (auto unit : answer->all("unit")) {
    const auto host = take_until(unit, ' '), state = take_until(unit, ' ');
    const auto due_s = to_number<std::int64_t>(take_until(unit, ' ')).value_or(0) / 1000;
    reasons[std::string(host)] = why(state, due_s, unit, answer->number("stopped") != 0);
  }
  return reasons;
}

}  // namespace waxwing::imsimta
