#include "tools/imsimta/qm_rows.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/mail/date.h"
#include "common/mail/header.h"
#include "tools/imsimta/qm.h"

namespace waxwing::imsimta {

using mta::queue::FileName;

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}
std::string now_text() {
  return mail::format_local_date(wall_seconds());
}
std::string when(std::int64_t seconds) {
  return mail::format_internal_date(seconds, mail::local_zone_minutes(seconds)).substr(0, 20);
}
std::string kilobytes(std::uint64_t bytes) {
  return fmt::format("{}", (bytes + 1023) / 1024);
}

const char* status_text(const mta::queue::Progress& progress) {
  switch (progress.status) {
    case mta::queue::Status::delivered:
      return "delivered";
    case mta::queue::Status::failed:
      return "failed";
    case mta::queue::Status::removed:
      return "removed";
    case mta::queue::Status::pending:
      break;
  }
  return progress.give_back ? "returning" : "waiting";
}

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

Result<std::map<std::string, std::vector<Row>>> rows_in_memory(const Context& context,
                                                               const std::string& channel) {
  std::map<std::string, std::vector<Row>> rows;
  TRY_VOID(ask_controller(context, Record("view").set("channel", channel), [&](const Record& answer) {
    for (const auto line : answer.all("unit")) {
      const auto words = split_words(line);  // file, host, state, priority, attempts, arrival, due, bytes
      auto name = words.size() == 8 ? FileName::parse(words[0]) : Result<FileName>(permanent(""));
      if (!name) continue;
      auto& of = rows[name->channel];
      // The units of a file come one behind the other.
      if (!of.empty() && of.back().name.relative() == name->relative()) continue;
      of.push_back({std::move(*name), to_number<std::uint64_t>(words[7]).value_or(0),
                    to_number<std::int64_t>(words[5]).value_or(0) / 1000});
    }
  }));
  for (auto& [name, of] : rows)
    std::ranges::sort(of, [](const Row& a, const Row& b) { return a.name.id < b.name.id; });
  return rows;
}

Result<std::vector<std::string>> chosen_channels(const mta::queue::Queue& queue, const std::string& channel) {
  if (channel.empty()) return queue.channels();
  TRY(const auto all, queue.channels());
  if (std::ranges::find(all, to_lower(channel)) == all.end())
    return permanent("nothing is queued for channel " + printable(channel));
  return std::vector{to_lower(channel)};
}

std::string subject_of(const mta::queue::Reader& reader) {
  const auto header = reader.read_header();
  if (!header) return "";
  return mail::decoded_text(mail::HeaderBlock::scan(*header).value("Subject").value_or(""));
}

Result<bool> takes_memory(Arguments& arguments, bool held) {
  const bool tree = arguments.take("directory_tree"), memory = arguments.take("database");
  if (tree && memory) return permanent("-directory_tree and -database exclude each other");
  if (held) return false;
  return tree || memory ? memory : qm_reads_memory();
}

}  // namespace waxwing::imsimta
