// imsimta queue and imsimta cache: channel queues on and off, and what the job controller has in memory.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <tuple>

#include "common/base/strings.h"
#include "common/mail/date.h"
#include "tools/imsimta/json.h"
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
  if (arguments.take("recover_crash")) {
    TRY_VOID(arguments.finish("imsimta queue -recover_crash"));
    return run_cache(context, Arguments({"-sync"}));
  }
  const auto verb = to_lower(arguments.take_word());
  if (verb != "start" && verb != "stop")
    return permanent("want: imsimta queue start|stop channel, -retry_delivery channel or -recover_crash");
  return qm_channel(context, verb, std::move(arguments));
}

namespace {
void print_unit(std::string_view line, bool json) {
  const auto words = split_words(line);
  if (words.size() != 8) return;
  const auto number = [&](std::size_t at) { return to_number<std::int64_t>(words[at]).value_or(0); };
  if (json)
    return JsonObject()
        .text("file", words[0])
        .text("host", words[1])
        .text("state", words[2])
        .text("priority", words[3])
        .number("attempts", number(4))
        .number("bytes", number(7))
        .time("arrived", number(5) / 1000)
        .time("next_try", number(6) / 1000)
        .print();
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

// What -host and -id pick out.
struct Wanted {
  std::string host, id;
  bool fits(std::string_view line) const {
    const auto file = take_until(line, ' '), of_host = take_until(line, ' ');
    return (host.empty() || iequals(host, of_host)) && (id.empty() || ifind(file, id) != std::string::npos);
  }
};

// By channel, then in the order of arrival.
struct Listed {
  std::string channel;
  std::int64_t arrival_ms = 0;
  std::string line;
  explicit Listed(std::string_view text) : channel(text.substr(0, text.find('/'))), line(text) {
    const auto words = split_words(text);
    if (words.size() == 8) arrival_ms = to_number<std::int64_t>(words[5]).value_or(0);
  }
  auto key() const { return std::tie(channel, arrival_ms, line); }
};

Result<> change_option(const Context& context, const Record& what, std::string_view option,
                       const std::string& value) {
  auto request = what;
  TRY_VOID(ask_controller(context, request.set("option", option).set("value", value)));
  std::printf("%.*s is %s now, until the configuration is read again\n", static_cast<int>(option.size()),
              option.data(), value.c_str());
  return {};
}

// What may be changed where: -change -global and so on.
struct Scope {
  std::string_view qualifier, name;
  std::initializer_list<std::string_view> options;
};
const Scope kScopes[] = {
    {"global", "global", {"max_messages", "synch_time"}},
    {"channel_template", "template", {"master_job"}},
    {"channel", "channel", {"thread_depth", "job_limit", "files_per_job"}},
};

Result<int> change_cache(const Context& context, Arguments& arguments) {
  for (const auto& scope : kScopes) {
    std::string name, value;
    if (!arguments.take(scope.qualifier, &name)) continue;
    Record request("change");
    request.set("scope", scope.name).set("name", name);
    std::vector<std::pair<std::string_view, std::string>> changes;
    for (const auto option : scope.options)
      if (arguments.take(option, &value)) changes.emplace_back(option, value);
    TRY_VOID(arguments.finish("cache -change -" + std::string(scope.qualifier) + " -option=value ..."));
    if (changes.empty()) return permanent("-change without a change: see imsimta cache -help");
    for (const auto& [option, wanted] : changes) TRY_VOID(change_option(context, request, option, wanted));
    return 0;
  }
  return permanent("-change wants -global, -channel=name or -channel_template=pattern");
}

Result<int> walk_cache(const Context& context) {
  TRY(const auto answer, ask_controller(context, Record("walk")));
  for (const auto line : answer.all("wrong")) std::printf("%s\n", printable(line).c_str());
  std::printf("%lld messages in memory, %zu disagreements\n",
              static_cast<long long>(answer.number("messages")), answer.all("wrong").size());
  return answer.has("wrong") ? 1 : 0;
}
}  // namespace

Result<int> run_cache(const Context& context, Arguments arguments) {
  if (arguments.take("change")) return change_cache(context, arguments);
  if (arguments.take("walk")) {
    std::string level;
    arguments.take("debug", &level);  // of other products; the walk is always whole
    TRY_VOID(arguments.finish("imsimta cache -walk"));
    return walk_cache(context);
  }
  if (arguments.take("sync")) {
    TRY_VOID(arguments.finish("imsimta cache -sync"));
    TRY_VOID(ask_controller(context, Record("rescan")));
    std::printf("The job controller has read the queue tree.\n");
    return 0;
  }
  std::string channel;
  if (!arguments.take("view", &channel))
    return permanent("want one of -view, -sync, -walk, -change: see imsimta cache -help");
  if (channel.empty()) channel = arguments.take_word();
  const bool json = arguments.take("json");
  Wanted wanted;
  arguments.take("host", &wanted.host);
  arguments.take("id", &wanted.id);
  TRY_VOID(arguments.finish("imsimta cache -view [channel] [-host=name] [-id=queue-id] [-json]"));
  if (!json)
    std::printf("%s", fmt::format("{:<44} {:<24} {:<10} {:<9} {:>3} {:>8}  {:<20}  {}\n", "Message file",
                                  "Host", "State", "Priority", "Try", "Bytes", "Arrived", "Next try")
                          .c_str());
  std::vector<Listed> units;
  std::vector<std::string> down, troubles;
  TRY_VOID(ask_controller(context, Record("view").set("channel", to_lower(channel)), [&](const Record& row) {
    for (const auto line : row.all("unit"))
      if (wanted.fits(line)) units.emplace_back(line);
    for (const auto line : row.all("down")) down.emplace_back(line);
    for (const auto line : row.all("trouble")) troubles.emplace_back(line);
  }));
  std::ranges::sort(units, {}, &Listed::key);
  for (const auto& unit : units) print_unit(unit.line, json);
  if (json) return 0;
  for (std::string_view line : down) {
    const auto channel = take_until(line, ' '), host = take_until(line, ' ');
    if (!wanted.host.empty() && !iequals(wanted.host, host)) continue;
    std::printf("%s",
                fmt::format("channel {}, host {} is down: {}\n", channel, host, printable(line)).c_str());
  }
  for (std::string_view line : troubles) {
    const auto name = take_until(line, ' ');
    std::printf("%s",
                fmt::format("channel {}: its program does not start: {}\n", name, printable(line)).c_str());
  }
  std::printf("%zu in memory\n", units.size());
  return 0;
}

}  // namespace waxwing::imsimta
