#include "channels/resubmit/mark_record.h"

#include <fmt/format.h>
#include <xxhash.h>

#include "common/base/strings.h"

namespace waxwing::channels {

namespace {
constexpr std::string_view kTitle = "waxwing taken 2 ";
constexpr std::string_view kEnd = "end ";

std::string end_of(std::string_view text) {
  return fmt::format("{}{:016x}\n", kEnd, XXH3_64bits(text.data(), text.size()));
}
}  // namespace

std::string encode_mark(const MarkRecord& record) {
  auto text = fmt::format("{}{} {}\n", kTitle, record.run, record.queue_id);
  for (const auto index : record.recipients) text += fmt::format("to {}\n", index);
  for (const auto& file : record.files)
    text += fmt::format("as {} {}\n", file.name.relative(), file.temporary);
  for (const auto& name : record.with) text += fmt::format("with {}\n", name);
  if (!record.behind.empty()) text += fmt::format("behind {}\n", record.behind);
  return text + end_of(text);
}

Result<MarkRecord> parse_mark(std::string_view text) {
  const auto end = text.rfind(kEnd);
  if (!text.starts_with(kTitle) || end == text.npos || text.substr(end) != end_of(text.substr(0, end)))
    return permanent("it is no mark, or not the whole of one");
  MarkRecord record;
  auto rest = text.substr(kTitle.size(), end - kTitle.size());
  auto title = take_until(rest, '\n');
  record.run = take_until(title, ' ');
  record.queue_id = title;
  while (!rest.empty()) {
    auto line = take_until(rest, '\n');
    const auto word = take_until(line, ' ');
    if (word == "as") {
      TRY(auto name, mta::queue::FileName::parse(take_until(line, ' ')));
      record.files.push_back({std::move(name), std::string(line)});
    } else if (word == "to") {
      record.recipients.push_back(to_number<std::size_t>(line).value_or(0));
    } else if (word == "with") {
      record.with.emplace_back(line);
    } else {
      record.behind = line;
    }
  }
  return record;
}

}  // namespace waxwing::channels
