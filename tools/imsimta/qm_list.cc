// qm directory, held, messages: look, change nothing. They read the tree, so they work with every daemon down, or the
// job controller's memory.
#include <fmt/format.h>

#include <algorithm>

#include "common/base/strings.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/qm.h"
#include "tools/imsimta/qm_rows.h"

namespace waxwing::imsimta {

using mta::queue::FileName;
using mta::queue::Reader;

namespace {

struct Filter {
  bool held = false, envelope = false, file_info = false, total = false, match_or = false, json = false;
  bool memory = false;  // the job controller's, in place of the tree
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

void print_envelope(const Reader& reader, const Filter& filter) {
  const auto& envelope = reader.envelope();
  if (filter.envelope) {
    print(fmt::format("      from <{}> by {} arrived {}\n", printable(envelope.sender),
                      envelope.source_channel, when(envelope.arrival_ms / 1000)));
    for (const auto& recipient : envelope.recipients) {
      print(fmt::format("      to <{}> host {} {}", printable(recipient.address), recipient.host,
                        status_text(recipient.progress)));
      if (recipient.progress.attempts > 0)
        print(fmt::format(", {} attempts, last {}: {}", recipient.progress.attempts,
                          when(recipient.progress.last_attempt_ms / 1000),
                          printable(recipient.progress.last_text)));
      print("\n");
    }
    if (!envelope.held_reason.empty()) print("      held: " + printable(envelope.held_reason) + "\n");
    if (envelope.deferred_until_ms != 0)
      print("      not before " + when(envelope.deferred_until_ms / 1000) + "\n");
    if (envelope.deliver_by_ms != 0)
      print(fmt::format("      by {}, else {}\n", when(envelope.deliver_by_ms / 1000),
                        envelope.by_returns ? "returned" : "its sender is told"));
  }
  if (filter.file_info)
    print(fmt::format("      {} bytes of message, {} recipients, priority {}, {}\n", reader.message_size(),
                      envelope.recipients.size(), mta::queue::priority_name(envelope.priority),
                      reader.path()));
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
  TRY(filter.memory, takes_memory(arguments, filter.held));
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
                               .text("status", status_text(recipient.progress))
                               .number("attempts", recipient.progress.attempts)
                               .time("last_attempt", recipient.progress.last_attempt_ms / 1000)
                               .text("last_text", recipient.progress.last_text));
    object.text("sender", envelope.sender)
        .text("source_channel", envelope.source_channel)
        .text("priority", mta::queue::priority_name(envelope.priority))
        .number("message_bytes", static_cast<std::int64_t>(reader->message_size()))
        .text("held_reason", envelope.held_reason)
        .time("not_before", envelope.deferred_until_ms / 1000)
        .time("deliver_by", envelope.deliver_by_ms / 1000)
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
    // What cannot be read passes only where everything does: nobody knows whose it is.
    if (!filter.fits(reader ? reader->envelope() : mta::queue::Envelope())) return;
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
std::uint64_t list_channel(const mta::queue::Queue& queue, const std::string& name,
                           const std::vector<Row>& rows, const Filter& filter,
                           std::vector<FileName>& listing) {
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

Result<std::uint64_t> list_tree(const Context& context, const mta::queue::Queue& queue,
                                const std::string& channel, const Filter& filter,
                                std::vector<FileName>& listing) {
  std::uint64_t bytes = 0;
  if (filter.memory) {
    TRY(const auto channels, rows_in_memory(context, channel));
    for (const auto& [name, rows] : channels) bytes += list_channel(queue, name, rows, filter, listing);
    return bytes;
  }
  TRY(const auto channels, chosen_channels(queue, channel));
  for (const auto& name : channels) {
    TRY(const auto rows, rows_of(queue, name, filter.held));
    bytes += list_channel(queue, name, rows, filter, listing);
  }
  return bytes;
}

Result<int> list(const Context& context, Arguments arguments, std::string_view verb, bool held, bool total) {
  TRY(auto filter, directory_filter(arguments));
  filter.held |= held;
  filter.total |= total;
  if (filter.held) filter.memory = false;  // what is held is on disk only
  const auto channel = to_lower(arguments.take_word());
  TRY_VOID(arguments.finish(qm_usage(verb)));
  const auto queue = open_queue(context);
  if (!filter.json)
    print(now_text() + "\nData gathered from the " +
          (filter.memory ? "job controller's memory\n" : "queue directory tree\n"));
  std::vector<FileName> listing;
  TRY(const auto bytes, list_tree(context, *queue, channel, filter, listing));
  if (!filter.json)
    print(fmt::format("\nGrand total: {} messages, {} K\n", listing.size(), kilobytes(bytes)));
  TRY_VOID(save_listing(context, listing));
  return 0;
}

}  // namespace

Result<int> qm_directory(const Context& context, Arguments arguments) {
  return list(context, std::move(arguments), "directory", false, false);
}
Result<int> qm_held(const Context& context, Arguments arguments) {
  return list(context, std::move(arguments), "held", true, false);
}
Result<int> qm_messages(const Context& context, Arguments arguments) {
  return list(context, std::move(arguments), "messages", false, true);
}

}  // namespace waxwing::imsimta
