// qm summarize: a line for each channel.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

namespace {
Result<int> summarize_memory_json(const Context& context) {
  TRY_VOID(ask_controller(context, Record("summary"), [&](const Record& row) {
    JsonObject object;
    object.text("channel", row.get("channel"));
    for (const char* name :
         {"files", "bytes", "ready", "active", "down", "waiting", "hosts", "hosts_down", "jobs"})
      object.number(name, row.number(name));
    for (const char* name : {"stopped", "closed", "on_demand"}) object.flag(name, row.number(name) != 0);
    object.text("trouble", row.get("trouble")).print();
  }));
  return 0;
}

Result<int> summarize_memory(const Context& context, bool heading, bool trailing) {
  std::string table, troubles;
  std::int64_t files = 0, bytes = 0;
  TRY_VOID(ask_controller(context, Record("summary"), [&](const Record& row) {
    files += row.number("files");
    bytes += row.number("bytes");
    table +=
        fmt::format("{:<20} {:>9} {:>10} {:>8} {:>8} {:>8} {:>8} {:>6} {:>5}{}\n", row.get("channel"),
                    row.number("files"), kilobytes(static_cast<std::uint64_t>(row.number("bytes"))),
                    row.number("ready"), row.number("active"), row.number("down"), row.number("waiting"),
                    row.number("hosts"), row.number("jobs"), row.number("stopped") != 0 ? " stopped" : "");
    if (const auto why = row.get("trouble"); !why.empty())
      troubles +=
          fmt::format("channel {}: its program does not start: {}\n", row.get("channel"), printable(why));
    if (const auto down = row.number("hosts_down"); down > 0)
      troubles += fmt::format("channel {0}: {1} of {2} hosts are down; imsimta cache -view {0} says why\n",
                              row.get("channel"), down, row.number("hosts"));
  }));
  if (heading)
    print(
        fmt::format("{}\nData gathered from the job controller\n\n{:<20} {:>9} {:>10} {:>8} {:>8} {:>8} "
                    "{:>8} {:>6} {:>5}\n",
                    now_text(), "Channel", "Messages", "Size (K)", "Ready", "Active", "Down", "Waiting",
                    "Hosts", "Jobs"));
  print(table);
  if (trailing)
    print(
        fmt::format("{:<20} {:>9} {:>10}\n", "Totals", files, kilobytes(static_cast<std::uint64_t>(bytes))));
  print(troubles);
  return 0;
}
}  // namespace

Result<int> qm_summarize(const Context& context, Arguments arguments) {
  const bool held_only = arguments.take("held");
  TRY(const bool database, takes_memory(arguments, held_only));
  const bool heading = !arguments.take("noheading");
  const bool trailing = !arguments.take("notrailing");
  const bool json = arguments.take("json");
  arguments.take("heading"), arguments.take("trailing");
  TRY_VOID(arguments.finish(qm_usage("summarize")));
  if (database && json) return summarize_memory_json(context);
  if (database) return summarize_memory(context, heading, trailing);
  const auto queue = open_queue(context);
  if (heading && !json)
    print(fmt::format("{}\nData gathered from the queue directory tree\n\n{:<20} {:>9} {:>6} {:>10}  {}\n",
                      now_text(), "Channel", "Messages", "Held", "Size (K)", "Oldest"));
  std::size_t messages = 0, held = 0;
  std::uint64_t bytes = 0;
  TRY(const auto channels, queue->channels());
  for (const auto& channel : channels) {
    TRY(const auto rows, rows_of(*queue, channel, held_only));
    std::uint64_t size = 0;
    std::size_t held_here = 0;
    std::int64_t oldest = 0;
    for (const auto& row : rows) {
      size += row.bytes;
      held_here += row.name.held ? 1 : 0;
      oldest = oldest == 0 ? row.since : std::min(oldest, row.since);
    }
    if (json)
      JsonObject()
          .text("channel", channel)
          .number("messages", static_cast<std::int64_t>(rows.size()))
          .number("held", static_cast<std::int64_t>(held_here))
          .number("bytes", static_cast<std::int64_t>(size))
          .time("oldest", oldest)
          .flag("stopped", queue->is_stopped(channel))
          .print();
    else
      print(fmt::format("{:<20} {:>9} {:>6} {:>10}  {}{}\n", channel, rows.size(), held_here, kilobytes(size),
                        oldest == 0 ? "" : when(oldest), queue->is_stopped(channel) ? " stopped" : ""));
    messages += rows.size();
    held += held_here;
    bytes += size;
  }
  if (trailing && !json)
    print(fmt::format("{:<20} {:>9} {:>6} {:>10}\n", "Totals", messages, held, kilobytes(bytes)));
  return 0;
}

}  // namespace waxwing::imsimta
