// qm directory, summarize, read: look, change nothing. The tree is read, so they work with every daemon down.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/date.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

using mta::queue::FileName;
using mta::queue::Reader;

namespace {

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string now_text() {
  return mail::format_local_date(wall_seconds());
}
std::string when(std::int64_t seconds) {
  return mail::format_internal_date(seconds, mail::local_zone_minutes(seconds)).substr(0, 20);
}

struct Filter {
  bool held = false, envelope = false, file_info = false, total = false, match_or = false, json = false;
  std::string from, to;
  bool needs_envelope() const { return envelope || file_info || !from.empty() || !to.empty(); }

  bool fits(const mta::queue::Envelope& envelope) const {
    const bool from_fits = ifind(envelope.sender, from) != std::string::npos;
    const bool to_fits =
        std::ranges::any_of(envelope.recipients, [&](const mta::queue::Recipient& recipient) {
          return ifind(recipient.address, to) != std::string::npos ||
                 ifind(recipient.original, to) != std::string::npos;
        });
    if (from.empty()) return to.empty() || to_fits;
    if (to.empty()) return from_fits;
    return match_or ? from_fits || to_fits : from_fits && to_fits;
  }
};

const char* status_text(mta::queue::Status status) {
  switch (status) {
    case mta::queue::Status::delivered:
      return "delivered";
    case mta::queue::Status::failed:
      return "failed";
    case mta::queue::Status::removed:
      return "removed";
    case mta::queue::Status::pending:
      break;
  }
  return "waiting";
}

void print_envelope(const Reader& reader, const Filter& filter) {
  const auto& envelope = reader.envelope();
  if (filter.envelope) {
    print(fmt::format("      from <{}> by {} arrived {}\n", printable(envelope.sender),
                      envelope.source_channel, when(envelope.arrival_ms / 1000)));
    for (const auto& recipient : envelope.recipients) {
      print(fmt::format("      to <{}> host {} {}", printable(recipient.address), recipient.host,
                        status_text(recipient.progress.status)));
      if (recipient.progress.attempts > 0)
        print(fmt::format(", {} attempts, last {}: {}", recipient.progress.attempts,
                          when(recipient.progress.last_attempt_ms / 1000),
                          printable(recipient.progress.last_text)));
      print("\n");
    }
    if (!envelope.held_reason.empty()) print("      held: " + printable(envelope.held_reason) + "\n");
  }
  if (filter.file_info)
    print(fmt::format("      {} bytes of message, {} recipients, priority {}, {}\n", reader.message_size(),
                      envelope.recipients.size(), mta::queue::priority_name(envelope.priority),
                      reader.path()));
}

struct Row {
  FileName name;
  std::uint64_t bytes = 0;
  std::int64_t since = 0;
};

Result<std::vector<Row>> rows_of(const mta::queue::Queue& queue, const std::string& channel, bool held) {
  std::vector<Row> rows;
  TRY_VOID(queue.scan(channel, [&](const FileName& name) {
    struct stat status {};
    if ((held && !name.held) || ::stat(queue.path_of(name).c_str(), &status) != 0) return true;
    // The id tells when the message came; the time of the file, when it was last tried.
    const auto born = unique_id_ms(name.id);
    rows.push_back({name, static_cast<std::uint64_t>(status.st_size), born ? *born / 1000 : status.st_mtime});
    return true;
  }));
  std::ranges::sort(rows, [](const Row& a, const Row& b) { return a.name.id < b.name.id; });
  return rows;
}

std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{}", (bytes + 1023) / 1024);
}

Result<std::vector<std::string>> chosen_channels(const mta::queue::Queue& queue, const std::string& channel) {
  if (channel.empty()) return queue.channels();
  const auto all = queue.channels();
  if (std::ranges::find(all, to_lower(channel)) == all.end())
    return permanent("nothing is queued for channel " + printable(channel));
  return std::vector{to_lower(channel)};
}

Result<Filter> directory_filter(Arguments& arguments) {
  Filter filter;
  std::string match;
  filter.held = arguments.take("held");
  filter.envelope = arguments.take("envelope");
  filter.file_info = arguments.take("file_info");
  filter.total = arguments.take("total");
  filter.json = arguments.take("json");
  arguments.take("from", &filter.from);
  arguments.take("to", &filter.to);
  arguments.take("match", &match);
  if (!match.empty() && !iequals(match, "or") && !iequals(match, "and"))
    return permanent("-match is and or or, not " + printable(match));
  filter.match_or = iequals(match, "or");
  return filter;
}

void print_json(const Row& row, std::size_t number, const Reader* reader) {
  JsonObject object;
  object.number("number", static_cast<std::int64_t>(number))
      .text("file", row.name.relative())
      .text("channel", row.name.channel)
      .text("id", row.name.id)
      .flag("held", row.name.held)
      .number("attempts", row.name.attempts)
      .number("bytes", static_cast<std::int64_t>(row.bytes))
      .time("since", row.since);
  if (reader != nullptr) {
    const auto& envelope = reader->envelope();
    std::vector<JsonObject> recipients;
    for (const auto& recipient : envelope.recipients)
      recipients.push_back(JsonObject()
                               .text("address", recipient.address)
                               .text("host", recipient.host)
                               .text("status", status_text(recipient.progress.status))
                               .number("attempts", recipient.progress.attempts)
                               .time("last_attempt", recipient.progress.last_attempt_ms / 1000)
                               .text("last_text", recipient.progress.last_text));
    object.text("sender", envelope.sender)
        .text("source_channel", envelope.source_channel)
        .text("priority", mta::queue::priority_name(envelope.priority))
        .number("message_bytes", static_cast<std::int64_t>(reader->message_size()))
        .text("held_reason", envelope.held_reason)
        .list("recipients", recipients);
  }
  object.print();
}

// Prints one message, if it passes the filter; what was printed goes into listing.
void list_message(const mta::queue::Queue& queue, const Row& row, const Filter& filter,
                  std::vector<FileName>& listing) {
  auto reader = filter.needs_envelope() ? Reader::open(queue, row.name) : Result<Reader>(permanent(""));
  if (filter.needs_envelope()) {
    if (!reader && mta::queue::is_gone(reader.error())) return;
    if (!reader && !filter.json) print("      " + reader.error().text + "\n");
    if (reader && !filter.fits(reader->envelope())) return;
  }
  listing.push_back(row.name);
  if (filter.total) return;
  if (filter.json) return print_json(row, listing.size(), reader ? &*reader : nullptr);
  const auto relative = row.name.relative();
  print(fmt::format("{:>5} {:<38} {:>6} {}\n", listing.size(), relative.substr(row.name.channel.size() + 1),
                    kilobytes(row.bytes), when(row.since)));
  if (reader) print_envelope(*reader, filter);
}

// Answers the bytes of what was listed.
Result<std::uint64_t> list_channel(const mta::queue::Queue& queue, const std::string& name,
                                   const Filter& filter, std::vector<FileName>& listing) {
  TRY(const auto rows, rows_of(queue, name, filter.held));
  if (rows.empty()) return 0;
  if (!filter.total && !filter.json)
    print(fmt::format("\nChannel: {:<32} {:>10} {}\n", name, "Size (K)", "Queued since"));
  std::uint64_t bytes = 0;
  const auto before = listing.size();
  for (const auto& row : rows) {
    const auto listed = listing.size();
    list_message(queue, row, filter, listing);
    if (listing.size() > listed) bytes += row.bytes;
  }
  if (!filter.json)
    print(fmt::format("{}Total of {}: {} messages, {} K\n", filter.total ? "" : "      ", name,
                      listing.size() - before, kilobytes(bytes)));
  else if (filter.total)
    JsonObject()
        .text("channel", name)
        .number("messages", static_cast<std::int64_t>(listing.size() - before))
        .number("bytes", static_cast<std::int64_t>(bytes))
        .print();
  return bytes;
}

}  // namespace

Result<int> qm_directory(const Context& context, Arguments arguments) {
  TRY(const auto filter, directory_filter(arguments));
  const auto channel = arguments.take_word();
  TRY_VOID(
      arguments.finish("qm directory [-held] [-envelope] [-file_info] [-from=] [-to=] [-match=and|or] "
                       "[-total] [-json] [channel]"));
  const auto queue = open_queue(context);
  TRY(const auto channels, chosen_channels(*queue, channel));
  if (!filter.json) print(now_text() + "\nData gathered from the queue directory tree\n");
  std::vector<FileName> listing;
  std::uint64_t all_bytes = 0;
  for (const auto& name : channels) {
    TRY(const auto bytes, list_channel(*queue, name, filter, listing));
    all_bytes += bytes;
  }
  if (!filter.json)
    print(fmt::format("\nGrand total: {} messages, {} K\n", listing.size(), kilobytes(all_bytes)));
  TRY_VOID(save_listing(context, listing));
  return 0;
}

namespace {
Result<int> summarize_memory_json(const Context& context) {
  TRY_VOID(ask_controller(context, Record("summary"), [&](const Record& row) {
    JsonObject object;
    object.text("channel", row.get("channel"));
    for (const char* name : {"files", "bytes", "ready", "active", "waiting", "hosts", "hosts_down", "jobs"})
      object.number(name, row.number(name));
    for (const char* name : {"stopped", "closed", "on_demand"}) object.flag(name, row.number(name) != 0);
    object.text("trouble", row.get("trouble")).print();
  }));
  return 0;
}

Result<int> summarize_memory(const Context& context, bool heading) {
  std::string table, troubles;
  std::int64_t files = 0, bytes = 0;
  TRY_VOID(ask_controller(context, Record("summary"), [&](const Record& row) {
    files += row.number("files");
    bytes += row.number("bytes");
    table +=
        fmt::format("{:<20} {:>9} {:>10} {:>8} {:>8} {:>8} {:>6} {:>5}{}\n", row.get("channel"),
                    row.number("files"), kilobytes(static_cast<std::uint64_t>(row.number("bytes"))),
                    row.number("ready"), row.number("active"), row.number("waiting"), row.number("hosts"),
                    row.number("jobs"), row.number("stopped") != 0 ? " stopped" : "");
    if (const auto why = row.get("trouble"); !why.empty())
      troubles +=
          fmt::format("channel {}: its program does not start: {}\n", row.get("channel"), printable(why));
  }));
  if (heading)
    print(fmt::format(
        "{}\nData gathered from the job controller\n\n{:<20} {:>9} {:>10} {:>8} {:>8} {:>8} {:>6} {:>5}\n",
        now_text(), "Channel", "Messages", "Size (K)", "Ready", "Active", "Waiting", "Hosts", "Jobs"));
  print(table);
  print(fmt::format("{:<20} {:>9} {:>10}\n", "Totals", files, kilobytes(static_cast<std::uint64_t>(bytes))));
  print(troubles);
  return 0;
}
}  // namespace

Result<int> qm_summarize(const Context& context, Arguments arguments) {
  const bool database = arguments.take("database");
  const bool held_only = arguments.take("held");
  const bool heading = !arguments.take("noheading");
  const bool trailing = !arguments.take("notrailing");
  const bool json = arguments.take("json");
  arguments.take("directory_tree"), arguments.take("heading"), arguments.take("trailing");
  TRY_VOID(arguments.finish(
      "qm summarize [-directory_tree|-database] [-noheading] [-held] [-notrailing] [-json]"));
  if (database && json) return summarize_memory_json(context);
  if (database) return summarize_memory(context, heading);
  const auto queue = open_queue(context);
  if (heading && !json)
    print(fmt::format("{}\nData gathered from the queue directory tree\n\n{:<20} {:>9} {:>6} {:>10}  {}\n",
                      now_text(), "Channel", "Messages", "Held", "Size (K)", "Oldest"));
  std::size_t messages = 0, held = 0;
  std::uint64_t bytes = 0;
  for (const auto& channel : queue->channels()) {
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

namespace {
Result<> print_content(const Reader& reader) {
  for (std::uint64_t at = 0; at < reader.message_size();) {
    TRY(const auto piece, reader.read_message(at, 64 * 1024));
    print(replace_all(piece, "\r\n", "\n"));
    at += piece.size();
  }
  return {};
}
}  // namespace

Result<int> qm_read(const Context& context, Arguments arguments) {
  const bool content = arguments.take("content");
  std::string channel;
  arguments.take("channel", &channel);
  std::vector<std::string> words;
  for (auto word = arguments.take_word(); !word.empty(); word = arguments.take_word()) words.push_back(word);
  TRY_VOID(arguments.finish("qm read [-content] [-channel=name] id..."));
  if (words.empty()) return permanent("qm read wants the numbers or names of messages: see qm directory");
  const auto queue = open_queue(context);
  TRY(const auto names, select_messages(context, *queue, channel, words));
  int status = 0;
  for (const auto& name : names) {
    print("File: " + name.relative() + "\n");
    auto reader = Reader::open(*queue, name);
    if (!reader) {
      print("  damaged or gone: " + reader.error().text + "\n");
      status = 1;
      continue;
    }
    print(spool::dump(reader->file()));
    for (const auto& recipient : reader->envelope().recipients)
      print(fmt::format(
          "state of <{}>: {}, {} attempts, {} warnings{}\n", printable(recipient.address),
          status_text(recipient.progress.status), recipient.progress.attempts, recipient.progress.notices,
          recipient.progress.last_text.empty() ? "" : ": " + printable(recipient.progress.last_text)));
    const auto whole = reader->verify_message();
    if (!whole) print("damaged: " + whole.error().text + "\n"), status = 1;
    print("\n");
    if (content) {
      TRY_VOID(print_content(*reader));
    } else {
      TRY(const auto header, reader->read_header());
      print(replace_all(header, "\r\n", "\n"));
    }
  }
  return status;
}

}  // namespace waxwing::imsimta
