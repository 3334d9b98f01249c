#include "tools/imsimta/queue_files.h"

#include <fmt/format.h>

#include "common/base/file.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/net/seqpacket.h"

namespace waxwing::imsimta {

using mta::queue::FileName;

namespace {
constexpr std::int64_t kAnswerMs = 120'000, kPatienceMs = 5'000;
}  // namespace

std::shared_ptr<mta::queue::Queue> open_queue(const Context& context) {
  return std::make_shared<mta::queue::Queue>(context.root + "/queue", context.root + "/run/job_controller");
}

bool controller_runs(const Context& context) {
  return connect_unix(context.root + "/run/job_controller").has_value();
}

Result<Record> ask_controller(const Context& context, const Record& request,
                              const std::function<void(const Record&)>& row) {
  auto socket = connect_unix(context.root + "/run/job_controller");
  if (!socket)
    return temporary("the job controller does not answer (" + socket.error().text +
                     "): start it with start-msg job_controller");
  TRY_VOID(send_packet(socket->get(), request));
  for (;;) {
    auto first = receive_packet(socket->get(), kPatienceMs);
    if (!first) {
      fmt::print(stderr,
                 "imsimta: the job controller has not answered for {} s; waiting (see start-msg --status)\n",
                 kPatienceMs / 1000);
      first = receive_packet(socket->get(), kAnswerMs);
    }
    TRY(auto packet, std::move(first));
    if (!packet) return temporary("the job controller ended before it answered");
    if (packet->record.is("row")) {
      if (row) row(packet->record);
      continue;
    }
    if (packet->record.is("error")) return permanent(std::string(packet->record.get("text")));
    return std::move(packet->record);
  }
}

Result<std::vector<std::size_t>> parse_numbers(std::string_view text, std::size_t count) {
  std::vector<std::size_t> numbers;
  for (const auto piece : split(text, ',')) {
    auto rest = piece;
    const auto first = to_number<std::size_t>(take_until(rest, '-'));
    const auto last = piece.find('-') == std::string_view::npos ? first : to_number<std::size_t>(rest);
    if (!first || !last || *first < 1 || *last < *first)
      return permanent("not a number or range of numbers: " + printable(piece));
    if (*last > count)
      return permanent(
          fmt::format("no message {}: the last directory listing has {}; list again", *last, count));
    for (auto n = *first; n <= *last && numbers.size() < 100'000; ++n) numbers.push_back(n);
  }
  return numbers;
}

std::optional<FileName> current_name(const mta::queue::Queue& queue, const FileName& known) {
  if (file_exists(queue.path_of(known))) return known;
  auto names = queue.list_bucket(known.channel, known.bucket);
  if (!names) return std::nullopt;
  for (auto& name : *names)
    if (name.key() == known.key()) return std::move(name);
  return std::nullopt;
}

namespace {
// A name as it stands in a listing or a log, with or without its folders, or a queue id; a message that lies
// in several channels is meant in all of them.
Result<std::vector<FileName>> find_by_name(const mta::queue::Queue& queue, const std::string& channel,
                                           const std::string& word) {
  if (const auto name = FileName::parse(word))
    if (auto now = current_name(queue, *name)) return std::vector{std::move(*now)};
  const auto base = word.substr(word.find_last_of('/') + 1);
  const auto as_name = FileName::parse("x/000/" + base);
  const auto id = as_name ? as_name->id : to_upper(base);
  std::vector<FileName> found;
  TRY(const auto channels, queue.channels());
  for (const auto& candidate : channels) {
    if (!channel.empty() && candidate != channel) continue;
    TRY_VOID(queue.scan(candidate, [&](const FileName& name) {
      if (name.id == id && (!as_name || name.copy == as_name->copy)) found.push_back(name);
      return true;
    }));
  }
  if (!found.empty()) return found;
  return permanent("no message file " + printable(word) + (channel.empty() ? "" : " in channel " + channel) +
                   "; 'imsimta qm directory' lists those there are");
}
}  // namespace

Result<std::vector<FileName>> select_messages(const Context& context, const mta::queue::Queue& queue,
                                              const std::string& channel,
                                              const std::vector<std::string>& words) {
  std::vector<FileName> chosen;
  std::vector<FileName> listing;  // read when it is needed
  for (const auto& word : words) {
    if (word.find_first_not_of("0123456789,-") != std::string::npos || unique_id_ms(word)) {
      TRY(auto names, find_by_name(queue, channel, word));
      for (auto& name : names) chosen.push_back(std::move(name));
      continue;
    }
    if (listing.empty()) {
      TRY(listing, load_listing(context));
    }
    TRY(const auto numbers, parse_numbers(word, listing.size()));
    for (const auto number : numbers) {
      const auto& name = listing[number - 1];
      if (channel.empty() || name.channel == channel)
        chosen.push_back(current_name(queue, name).value_or(name));
    }
  }
  return chosen;
}

Result<std::vector<FileName>> all_or_selected(const Context& context, const mta::queue::Queue& queue,
                                              const std::string& channel, bool all,
                                              const std::vector<std::string>& words,
                                              const std::string& usage) {
  if (!all && words.empty()) return permanent("which messages? " + usage);
  if (!all) return select_messages(context, queue, channel, words);
  std::vector<FileName> names;
  TRY(const auto listing, load_listing(context));
  for (const auto& name : listing)
    if (channel.empty() || name.channel == channel) names.push_back(current_name(queue, name).value_or(name));
  if (names.empty())
    return permanent("-all means the messages of the last qm directory listing: there are none");
  return names;
}

}  // namespace waxwing::imsimta
