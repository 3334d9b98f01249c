// The commands of qm, and the small ones among them.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/date.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

namespace {

bool reads_memory = false;

constexpr QmCommand kCommands[] = {
    {"clean [-from=text] [-to=text] [-subject=text] [-domain_to=domain] [-content=text] [-match=and|or] "
     "[-ignore_zz] [-min_length=n] [-directory_tree|-database] [-threads=n|-nothreads] [-verbose] "
     "[-delete|-hold] "
     "[channel]",
     "finds messages by what stands in them", qm_clean},
    {"counters [show|today|clear|create|delete] [-json] [channel]", "shows what the channels have done",
     qm_counters},
    {"damaged [-verify] [-json] [channel]", "lists files that cannot be read, and says what to do",
     qm_damaged},
    {"date", "tells date and time", qm_date},
    {"delete [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id ...]",
     "removes messages without a word to anybody",
     [](const Context& context, Arguments arguments) {
       return qm_change(context, "delete", std::move(arguments));
     }},
    {"directory [-held] [-envelope] [-file_info] [-from=text] [-to=text] [-match=and|or] [-total] "
     "[-directory_tree|-database] [-json] [channel]",
     "lists messages, with numbers", qm_directory},
    {"held [-envelope] [-file_info] [-from=text] [-to=text] [-match=and|or] [-total] [-json] [channel]",
     "lists held messages: directory -held", qm_held},
    {"help [command]", "tells what there is", qm_help},
    {"history [-channel=name] [-all] [-json] [id ...]", "tells what was tried with messages", qm_history},
    {"hold [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id ...]",
     "keeps messages from being delivered",
     [](const Context& context, Arguments arguments) {
       return qm_change(context, "hold", std::move(arguments));
     }},
    {"jobs [-json] [channel]", "lists the channel programs that run", qm_jobs},
    {"messages [-directory_tree|-database] [-json] [channel]", "counts messages: directory -total",
     qm_messages},
    {"read [-content] [-channel=name] id ...", "shows messages", qm_read},
    {"release [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id ...]", "lets held messages go",
     [](const Context& context, Arguments arguments) {
       return qm_change(context, "release", std::move(arguments));
     }},
    {"reroute [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id ...]",
     "has the addresses of messages resolved anew",
     [](const Context& context, Arguments arguments) {
       return qm_change(context, "reroute", std::move(arguments));
     }},
    {"return [-channel=name] [-all] [-confirm|-noconfirm] [-log|-nolog] [id ...]",
     "gives messages back to their senders",
     [](const Context& context, Arguments arguments) {
       return qm_change(context, "return", std::move(arguments));
     }},
    {"run file", "takes commands from a file", qm_run},
    {"start channel", "lets a channel deliver again",
     [](const Context& context, Arguments arguments) {
       return qm_channel(context, "start", std::move(arguments));
     }},
    {"stop channel", "keeps a channel's messages in the queue",
     [](const Context& context, Arguments arguments) {
       return qm_channel(context, "stop", std::move(arguments));
     }},
    {"summarize [-directory_tree|-database] [-heading|-noheading] [-held] [-trailing|-notrailing] [-json]",
     "counts messages, a line for each channel", qm_summarize},
    {"top "
     "[-by=host|domain|recipient|sender|sender_domain|subject|content|channel|age|status|priority|attempts] "
     "[-from|-to|-domain_to|-subject|-content] [-min_length=n] [-top=n] [-interval=seconds] [-most=n] "
     "[-once] [-json] "
     "[channel]",
     "counts messages by this or that, the most first", qm_top},
    {"view [-directory_tree|-database]", "sets what directory, messages and summarize read", qm_view},
};

}  // namespace

std::span<const QmCommand> qm_commands() {
  return kCommands;
}

const QmCommand* find_qm_command(std::string_view name) {
  const auto found = std::ranges::find_if(
      kCommands, [&](const QmCommand& command) { return iequals(command.name(), name); });
  return found == std::end(kCommands) ? nullptr : found;
}

std::string qm_usage(std::string_view name) {
  const auto* command = find_qm_command(name);
  return "qm " + std::string(command != nullptr ? command->usage : name);
}

bool qm_reads_memory() {
  return reads_memory;
}
void set_qm_reads_memory(bool memory) {
  reads_memory = memory;
}

Result<std::vector<std::string>> qm_words(std::string_view line) {
  std::vector<std::string> words;
  bool quoted = false, inside = false;
  for (const char byte : line) {
    if (byte == '"') {
      quoted = !quoted;
      if (!inside) words.emplace_back();
      inside = true;
    } else if (!quoted && (is_blank(byte) || byte == '\r')) {
      inside = false;
    } else {
      if (!inside) words.emplace_back();
      inside = true;
      words.back() += byte;
    }
  }
  if (quoted) return permanent("a quote is not closed");
  return words;
}

Result<int> qm_date(const Context&, Arguments arguments) {
  TRY_VOID(arguments.finish(qm_usage("date")));
  fmt::print("{}\n", mail::format_local_date(wall_seconds()));
  return 0;
}

Result<int> qm_help(const Context&, Arguments arguments) {
  const auto word = arguments.take_word();
  TRY_VOID(arguments.finish(qm_usage("help")));
  if (!word.empty()) {
    const auto* command = find_qm_command(word);
    if (command == nullptr) return permanent("qm has no command " + printable(word) + "; help lists them");
    fmt::print("{}\n  {}\n", command->usage, command->help);
    return 0;
  }
  for (const auto& command : kCommands) fmt::print("{:<10} {}\n", command.name(), command.help);
  fmt::print(
      "exit, quit end qm\n"
      "help command tells what it takes. An id is a number of the last listing, a range (1-4,7), a queue id "
      "or\n"
      "the name of a message file.\n");
  return 0;
}

Result<int> qm_view(const Context&, Arguments arguments) {
  const bool tree = arguments.take("directory_tree"), memory = arguments.take("database");
  TRY_VOID(arguments.finish(qm_usage("view")));
  if (tree && memory) return permanent("-directory_tree and -database exclude each other");
  if (tree || memory) reads_memory = memory;
  fmt::print("directory, messages and summarize read {}\n",
             reads_memory ? "the job controller's memory" : "the queue directory tree");
  return 0;
}

}  // namespace waxwing::imsimta
