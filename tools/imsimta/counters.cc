// imsimta counters: what the channels have done since the counters were made or cleared.
#include "mta/counters/counters.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "common/base/file.h"
#include "common/base/strings.h"
#include "common/mail/date.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

namespace counters = mta::counters;
using counters::Count;

namespace {

constexpr const char* kUsage = "counters [-show|-clear|-create|-delete|-sync]; see imsimta counters -help";

// What lies in a channel's queue now: nothing was counted of that, it is asked for.
struct Stored {
  std::uint64_t messages = 0, bytes = 0;
};
using StoredBy = std::map<std::string, Stored, std::less<>>;

// Without the job controller nobody knows at once; a walk of the tree could take minutes.
StoredBy stored_now(const Context& context) {
  StoredBy stored;
  if (!controller_runs(context)) return stored;
  (void)ask_controller(context, Record("summary"), [&](const Record& row) {
    stored[std::string(row.get("channel"))] = {static_cast<std::uint64_t>(row.number("files")),
                                               static_cast<std::uint64_t>(row.number("bytes"))};
  });
  return stored;
}

struct Line {
  const char *name, *json;
  Count messages, recipients, blocks;
};
constexpr Line kLines[] = {
    {"Received", "received", Count::received_messages, Count::received_recipients, Count::received_blocks},
    {"Delivered", "delivered", Count::delivered_messages, Count::delivered_recipients,
     Count::delivered_blocks},
    {"Submitted", "submitted", Count::submitted_messages, Count::submitted_recipients,
     Count::submitted_blocks},
    {"Attempted", "attempted", Count::attempted_messages, Count::attempted_recipients,
     Count::attempted_blocks},
    {"Failed", "failed", Count::failed_messages, Count::failed_recipients, Count::failed_blocks},
};
constexpr std::pair<const char*, Count> kAssociations[] = {
    {"Total In Assocs", Count::in_associations},
    {"Total Out Assocs", Count::out_associations},
    {"Failed Out Assocs", Count::out_failures},
};

struct Choice {
  bool channels = true, associations = true, headers = true, today = false, json = false;
  std::string output, only;
};

std::string average(std::uint64_t seconds, std::uint64_t messages) {
  return fmt::format("{}/{} = {:.2f}", seconds, messages,
                     messages == 0 ? 0.0 : static_cast<double>(seconds) / static_cast<double>(messages));
}

std::string text_of(const counters::ChannelCounts& row, const StoredBy& stored, const Choice& choice) {
  auto text = fmt::format("{}\n", row.channel);
  if (choice.channels) {
    const auto at = stored.find(row.channel);
    for (const auto& line : kLines) {
      text += fmt::format("  {:<28} {:>11} {:>11} {:>11}", line.name, row.of(line.messages),
                          row.of(line.recipients), row.of(line.blocks));
      if (line.messages == Count::delivered_messages)
        text += fmt::format(" ({} first time)", row.of(Count::delivered_first));
      text += "\n";
    }
    text += fmt::format("  {:<28} {:>11} {:>11}\n", "Rejected", "", row.of(Count::rejected_recipients));
    if (at != stored.end())
      text += fmt::format("  {:<28} {:>11} {:>11} {:>11}\n", "Stored", at->second.messages, "",
                          (at->second.bytes + 1023) / 1024);
    text += fmt::format("  {:<28} {:>11}\n", "Queue time/count",
                        average(row.of(Count::queue_seconds), row.of(Count::delivered_messages))) +
            fmt::format("  {:<28} {:>11}\n", "Queue first time/count",
                        average(row.of(Count::queue_first_seconds), row.of(Count::delivered_first)));
  }
  if (choice.associations)
    for (const auto& [name, count] : kAssociations)
      if (row.of(count) > 0) text += fmt::format("  {:<28} {:>11}\n", name, row.of(count));
  return text;
}

std::string json_of(const counters::ChannelCounts& row, const StoredBy& stored) {
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  JsonObject object;
  object.text("channel", row.channel);
  for (const auto& line : kLines)
    object.number(fmt::format("{}_messages", line.json), number(row.of(line.messages)))
        .number(fmt::format("{}_recipients", line.json), number(row.of(line.recipients)))
        .number(fmt::format("{}_blocks", line.json), number(row.of(line.blocks)));
  const auto at = stored.find(row.channel);
  object.number("delivered_first_time", number(row.of(Count::delivered_first)))
      .number("rejected_recipients", number(row.of(Count::rejected_recipients)))
      .number("queue_seconds", number(row.of(Count::queue_seconds)))
      .number("queue_first_seconds", number(row.of(Count::queue_first_seconds)))
      .number("in_associations", number(row.of(Count::in_associations)))
      .number("out_associations", number(row.of(Count::out_associations)))
      .number("failed_out_associations", number(row.of(Count::out_failures)));
  if (at != stored.end()) object.number("stored_messages", number(at->second.messages));
  return object.line();
}

Result<std::string> show(const Context& context, const Choice& choice) {
  TRY(const auto snapshot, counters::read(context.root));
  if (choice.today)
    return choice.json ? JsonObject()
                             .number("delivered_today", static_cast<std::int64_t>(snapshot.delivered_today))
                             .line()
                       : fmt::format("{} messages were delivered today\n", snapshot.delivered_today);
  const auto stored = stored_now(context);
  std::string text;
  if (choice.headers && !choice.json)
    text =
        fmt::format("Counted since {}\n\n{:<30} {:>11} {:>11} {:>11}\n",
                    mail::format_local_date(snapshot.since), "Channel", "Messages", "Recipients", "Blocks");
  for (const auto& row : snapshot.channels) {
    if (!choice.only.empty() && row.channel != choice.only) continue;
    text += choice.json ? json_of(row, stored) : text_of(row, stored, choice);
  }
  return text;
}

// One of -clear, -create, -delete, -sync; nothing when it is none of them.
std::optional<Result<>> change(const Context& context, Arguments& arguments) {
  if (arguments.take("clear")) return counters::clear(context.root);
  if (arguments.take("create") || arguments.take("crdb")) return counters::create(context.root);
  if (arguments.take("delete")) return counters::remove(context.root);
  if (arguments.take("sync")) return Result<>();  // every process counts into the one file
  return std::nullopt;
}

}  // namespace

Result<int> run_counters(const Context& context, Arguments arguments) {
  if (auto changed = change(context, arguments)) {
    TRY_VOID(arguments.finish(kUsage));
    if (!*changed) return std::unexpected(std::move(changed->error()));
    return 0;
  }
  Choice choice;
  arguments.take("show"), arguments.take("associations"), arguments.take("channels"),
      arguments.take("headers");
  choice.associations = !arguments.take("noassociations");
  choice.channels = !arguments.take("nochannels");
  choice.headers = !arguments.take("noheaders");
  choice.today = arguments.take("today");
  choice.json = arguments.take("json");
  arguments.take("output", &choice.output);
  choice.only = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish(kUsage));
  TRY(const auto text, show(context, choice));
  if (!choice.output.empty()) {
    TRY_VOID(replace_file(choice.output, text));
  } else {
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return 0;
}

// "qm counters show" and so on: the same words without a dash. Another word is a channel.
Result<int> qm_counters(const Context& context, Arguments arguments) {
  const auto word = arguments.take_word();
  constexpr std::string_view kWords[] = {"clear", "create", "delete", "show", "today"};
  const bool known = std::ranges::find(kWords, to_lower(word)) != std::end(kWords);
  if (!word.empty()) arguments.add(known ? "-" + to_lower(word) : word);
  return run_counters(context, std::move(arguments));
}

}  // namespace waxwing::imsimta
