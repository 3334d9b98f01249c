// imsimta queue and imsimta cache: channel queues on and off, and what the job controller has in memory.
#include <fmt/format.h>

#include <cstdio>

#include "common/base/strings.h"
#include "common/mail/date.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

Result<int> run_queue(const Context& context, Arguments arguments) {
  std::string channel;
  if (arguments.take("retry_delivery", &channel)) {
    if (channel.empty()) channel = arguments.take_word();
    TRY_VOID(arguments.finish("imsimta queue -retry_delivery channel"));
    TRY_VOID(ask_controller(context, Record("retry").set("channel", to_lower(channel))));
    std::printf("%%QM-I-RETRY, everything that waits in channel %s is tried now\n", channel.c_str());
    return 0;
  }
  const auto verb = to_lower(arguments.take_word());
  if (verb != "start" && verb != "stop")
    return permanent("want: imsimta queue start|stop channel, or -retry_delivery channel");
  return qm_channel(context, verb, std::move(arguments));
}

namespace {
void print_unit(std::string_view line) {
  const auto words = split_words(line);
  if (words.size() != 8) return;
  const auto time = [](std::string_view ms) {
    const auto seconds = to_number<std::int64_t>(ms).value_or(0) / 1000;
    return seconds == 0
               ? std::string("-")
               : mail::format_internal_date(seconds, mail::local_zone_minutes(seconds)).substr(0, 20);
  };
  std::printf("%s", fmt::format("{:<44} {:<24} {:<10} {:<9} {:>3} {:>8}  {:<20}  {}\n", words[0], words[1],
                                words[2], words[3], words[4], words[7], time(words[5]), time(words[6]))
                        .c_str());
}
}  // namespace

Result<int> run_cache(const Context& context, Arguments arguments) {
  if (arguments.take("sync")) {
    TRY_VOID(arguments.finish("imsimta cache -sync"));
    TRY_VOID(ask_controller(context, Record("rescan")));
    std::printf("The job controller has read the queue tree.\n");
    return 0;
  }
  std::string channel;
  if (!arguments.take("view", &channel))
    return permanent("want: imsimta cache -view [channel] or imsimta cache -sync");
  if (channel.empty()) channel = arguments.take_word();
  TRY_VOID(arguments.finish("imsimta cache -view [channel]"));
  std::printf("%s", fmt::format("{:<44} {:<24} {:<10} {:<9} {:>3} {:>8}  {:<20}  {}\n", "Message file",
                                "Host", "State", "Priority", "Try", "Bytes", "Arrived", "Next try")
                        .c_str());
  std::size_t units = 0;
  std::vector<std::string> down, troubles;
  TRY_VOID(ask_controller(context, Record("view").set("channel", to_lower(channel)), [&](const Record& row) {
    for (const auto line : row.all("unit")) print_unit(line), ++units;
    for (const auto line : row.all("down")) down.emplace_back(line);
    for (const auto line : row.all("trouble")) troubles.emplace_back(line);
  }));
  for (std::string_view line : down) {
    const auto channel = take_until(line, ' '), host = take_until(line, ' ');
    std::printf("%s",
                fmt::format("channel {}, host {} is down: {}\n", channel, host, printable(line)).c_str());
  }
  for (std::string_view line : troubles) {
    const auto name = take_until(line, ' ');
    std::printf("%s",
                fmt::format("channel {}: its program does not start: {}\n", name, printable(line)).c_str());
  }
  std::printf("%zu in memory\n", units);
  return 0;
}

}  // namespace waxwing::imsimta
