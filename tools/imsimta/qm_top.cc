// qm top: what is queued, counted by one thing or another, with bars; once, or again and again on a terminal.
#include <fmt/format.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>

#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/date.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::Reader;

namespace {

struct Count {
  std::int64_t messages = 0;
  std::int64_t bytes = 0;
  std::int64_t oldest_ms = 0;
};
using Counts = std::map<std::string, Count, std::less<>>;

struct View {
  std::string by = "host", channel;
  std::size_t rows = 20;
  std::int64_t interval_seconds = 2;
  std::size_t most = 100'000;  // message files that are opened for it
  std::size_t shortest = 0;    // bytes of what is counted
  bool json = false;
};

// Lines of text are looked at for what many messages have in common: greetings are short, and alike everywhere.
constexpr std::size_t kShortestLine = 24, kLongestLine = 200, kContentBytes = 16 * 1024;
constexpr std::size_t kMostDifferent = 1'000'000;

// One line of the job controller's view: file, host, state, priority, attempts, arrival, due, bytes.
using Words = std::vector<std::string_view>;
enum { kFile, kHost, kState, kPriority, kAttempts, kArrival, kDue, kBytes, kWords };

std::string age_of(std::int64_t arrival_ms) {
  struct Step {
    std::int64_t minutes;
    const char* name;
  };
  static constexpr std::array kSteps = {Step{5, "1: under 5 minutes"}, Step{60, "2: under an hour"},
                                        Step{360, "3: under 6 hours"}, Step{1440, "4: under a day"},
                                        Step{4320, "5: under 3 days"}};
  const auto minutes = (wall_ms() - arrival_ms) / 60'000;
  for (const auto& step : kSteps)
    if (minutes < step.minutes) return step.name;
  return "6: 3 days and more";
}

std::string domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == address.npos ? std::string("(none)") : to_lower(address.substr(at + 1));
}

struct Measure {
  std::string_view name;
  std::string (*of)(const Words&);  // from memory; null: from the envelopes
};
constexpr std::array kMeasures = {
    Measure{"host", [](const Words& words) { return std::string(words[kHost]); }},
    Measure{"status", [](const Words& words) { return std::string(words[kState]); }},
    Measure{"priority", [](const Words& words) { return std::string(words[kPriority]); }},
    Measure{"attempts", [](const Words& words) { return std::string(words[kAttempts]); }},
    Measure{"channel",
            [](const Words& words) { return std::string(words[kFile].substr(0, words[kFile].find('/'))); }},
    Measure{"age",
            [](const Words& words) { return age_of(to_number<std::int64_t>(words[kArrival]).value_or(0)); }},
    Measure{"domain", nullptr},
    Measure{"sender", nullptr},
    Measure{"sender_domain", nullptr},
    Measure{"recipient", nullptr},
    Measure{"subject", nullptr},
    Measure{"content", nullptr},
};
// Other words for -by=.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kAlso = {{{"from", "sender"},
                                                                                 {"to", "recipient"},
                                                                                 {"domain_to", "domain"},
                                                                                 {"subject", "subject"},
                                                                                 {"content", "content"}}};

void count(Counts& counts, const std::string& key, std::int64_t bytes, std::int64_t arrival_ms) {
  auto& row = counts[key];
  row.messages += 1;
  row.bytes += bytes;
  row.oldest_ms = row.oldest_ms == 0 ? arrival_ms : std::min(row.oldest_ms, arrival_ms);
}

Result<Counts> count_memory(const Context& context, const View& view, const Measure& measure) {
  Counts counts;
  TRY_VOID(ask_controller(context, Record("view").set("channel", view.channel), [&](const Record& row) {
    for (const auto line : row.all("unit")) {
      const auto words = split_words(line);
      if (words.size() == kWords)
        count(counts, measure.of(words), to_number<std::int64_t>(words[kBytes]).value_or(0),
              to_number<std::int64_t>(words[kArrival]).value_or(0));
    }
  }));
  return counts;
}

// Each line once a message, as it stands there: encoded text is not decoded.
void count_content(Counts& counts, const View& view, const Reader& reader) {
  const auto header = reader.read_header();
  if (!header) return;
  const auto text = reader.read_message(header->size(), kContentBytes);
  if (!text) return;
  std::set<std::string_view> lines;
  for (std::string_view rest = *text; !rest.empty();) {
    const auto line = trim(take_until(rest, '\n')).substr(0, kLongestLine);
    if (line.size() >= view.shortest) lines.insert(line);
  }
  for (const auto line : lines)
    if (counts.size() < kMostDifferent || counts.contains(line))
      count(counts, std::string(line), static_cast<std::int64_t>(reader.message_size()),
            reader.envelope().arrival_ms);
}

void count_envelope(Counts& counts, const View& view, const Reader& reader) {
  const auto& envelope = reader.envelope();
  const auto bytes = static_cast<std::int64_t>(reader.message_size());
  if (view.by == "content") return count_content(counts, view, reader);
  const auto sender = envelope.sender.empty() ? std::string("<>") : envelope.sender;
  if (view.by == "subject") return count(counts, subject_of(reader), bytes, envelope.arrival_ms);
  if (view.by == "sender") return count(counts, sender, bytes, envelope.arrival_ms);
  if (view.by == "sender_domain")
    return count(counts, envelope.sender.empty() ? sender : domain_of(sender), bytes, envelope.arrival_ms);
  for (const auto& recipient : envelope.recipients)
    if (recipient.progress.status == mta::queue::Status::pending)
      count(counts, view.by == "domain" ? domain_of(recipient.address) : recipient.address, bytes,
            envelope.arrival_ms);
}

void leave_out_short(Counts& counts, std::size_t shortest) {
  std::erase_if(counts, [&](const auto& row) { return row.first.size() < shortest; });
}

Result<Counts> count_tree(const Context& context, const View& view) {
  Counts counts;
  const auto queue = open_queue(context);
  std::size_t opened = 0;
  TRY(const auto channels, queue->channels());
  for (const auto& channel : channels) {
    if (!view.channel.empty() && channel != view.channel) continue;
    TRY_VOID(queue->scan(channel, [&](const mta::queue::FileName& name) {
      if (const auto reader = Reader::open(*queue, name)) count_envelope(counts, view, *reader);
      return ++opened < view.most;
    }));
  }
  return counts;
}

std::vector<std::pair<std::string, Count>> first_rows(const Counts& counts, std::size_t rows, bool by_name) {
  std::vector<std::pair<std::string, Count>> sorted(counts.begin(), counts.end());
  if (!by_name)
    std::ranges::stable_sort(
        sorted, [](const auto& a, const auto& b) { return a.second.messages > b.second.messages; });
  if (sorted.size() > rows) sorted.resize(rows);
  return sorted;
}

std::string bar(std::int64_t value, std::int64_t most, std::size_t width) {
  const auto eighths =
      most == 0 ? 0 : static_cast<std::size_t>(value) * width * 8 / static_cast<std::size_t>(most);
  static constexpr const char* kParts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  return text + kParts[eighths % 8];
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 60 ? size.ws_col : 100;
}

std::string picture(const View& view, const Counts& counts) {
  std::int64_t all = 0, most = 0;
  for (const auto& [key, row] : counts) {
    all += row.messages;
    most = std::max(most, row.messages);
  }
  auto text = fmt::format("{}   {} deliveries by {}, {} different\n\n{:<32} {:>9} {:>10} {:>9}\n",
                          mail::format_local_date(wall_seconds()), all, view.by, counts.size(), view.by,
                          "Count", "Size (K)", "Oldest");
  const auto width = terminal_width() - 64;
  for (const auto& [key, row] : first_rows(counts, view.rows, view.by == "age")) {
    const auto minutes = std::max<std::int64_t>(0, (wall_ms() - row.oldest_ms) / 60'000);
    text +=
        fmt::format("{:<32} {:>9} {:>10} {:>5}h{:02}m {}\n", printable(key, 32), row.messages,
                    (row.bytes + 1023) / 1024, minutes / 60, minutes % 60, bar(row.messages, most, width));
  }
  return text;
}

void print_json(const View& view, const Counts& counts) {
  for (const auto& [key, row] : first_rows(counts, view.rows, view.by == "age"))
    JsonObject()
        .text(view.by, key)
        .number("count", row.messages)
        .number("bytes", row.bytes)
        .time("oldest", row.oldest_ms / 1000)
        .print();
}

// True when somebody wants to see it no longer.
bool ended_by_key(std::int64_t seconds) {
  pollfd key{STDIN_FILENO, POLLIN, 0};
  return ::poll(&key, 1, static_cast<int>(seconds * 1000)) != 0;
}

Result<View> parse_view(Arguments& arguments, bool& once) {
  View view;
  std::string text;
  const auto number = [&](std::string_view name, auto& target) -> Result<> {
    if (!arguments.take(name, &text)) return {};
    const auto value = to_number<std::int64_t>(text);
    if (!value || *value < 1 || *value > 1'000'000'000)
      return permanent("-" + std::string(name) + " wants a number of at least 1, not " + printable(text));
    target = static_cast<std::remove_reference_t<decltype(target)>>(*value);
    return {};
  };
  TRY_VOID(number("top", view.rows));
  TRY_VOID(number("interval", view.interval_seconds));
  TRY_VOID(number("most", view.most));
  TRY_VOID(number("min_length", view.shortest));
  view.json = arguments.take("json");
  once = arguments.take("once") || view.json;
  for (const auto& [name, by] : kAlso)
    if (arguments.take(name)) view.by = by;
  if (arguments.take("by", &text)) view.by = to_lower(text);
  if (view.by == "content" && view.shortest == 0) view.shortest = kShortestLine;
  view.channel = to_lower(arguments.take_word());
  return view;
}

}  // namespace

Result<int> qm_top(const Context& context, Arguments arguments) {
  bool once = false;
  TRY(const auto view, parse_view(arguments, once));
  TRY_VOID(arguments.finish(qm_usage("top")));
  const auto measure = std::ranges::find(kMeasures, view.by, &Measure::name);
  if (measure == kMeasures.end()) {
    std::string names;
    for (const auto& row : kMeasures) (names += names.empty() ? "" : ", ") += row.name;
    return permanent("-by is one of " + names + ", not " + printable(view.by));
  }
  once |= ::isatty(STDOUT_FILENO) == 0 || ::isatty(STDIN_FILENO) == 0;
  for (;;) {
    TRY(auto counts, measure->of ? count_memory(context, view, *measure) : count_tree(context, view));
    leave_out_short(counts, view.shortest);
    if (view.json) return print_json(view, counts), 0;
    const auto text = (once ? "" : "\x1b[H\x1b[2J") + picture(view, counts) + (once ? "" : "\nEnter: end\n");
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
    if (once || ended_by_key(view.interval_seconds)) return 0;
  }
}

}  // namespace waxwing::imsimta
