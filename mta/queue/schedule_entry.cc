#include "mta/queue/schedule_entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "common/base/strings.h"
#include "mta/queue/writer.h"

namespace waxwing::mta::queue {

ScheduleEntry make_schedule_entry(const FileName& name, const Envelope& envelope, std::uint64_t size_bytes) {
  ScheduleEntry entry;
  entry.name = name;
  entry.size_bytes = size_bytes;
  entry.priority = envelope.priority;
  entry.arrival_ms = envelope.arrival_ms;
  entry.not_before_ms = envelope.deferred_until_ms;
  entry.by_ms = envelope.deliver_by_ms;
  entry.by_returns = envelope.by_returns;
  std::unordered_map<std::string_view, std::size_t> index;
  for (const auto& recipient : envelope.recipients) {
    if (recipient.progress.status != Status::pending) continue;
    const auto [at, is_new] = index.try_emplace(recipient.host, entry.hosts.size());
    if (is_new) entry.hosts.push_back({.host = recipient.host});
    auto& host = entry.hosts[at->second];
    host.recipients += 1;
    host.attempts = std::max(host.attempts, recipient.progress.attempts);
    host.last_attempt_ms = std::max(host.last_attempt_ms, recipient.progress.last_attempt_ms);
    host.notices = std::max(host.notices, recipient.progress.notices);
    host.give_back |= recipient.progress.give_back;
  }
  return entry;
}

std::string encode(const ScheduleEntry& entry) {
  auto line =
      fmt::format("{} {} {}", entry.name.relative(), entry.size_bytes, static_cast<int>(entry.priority));
  if (entry.by_ms != 0) line += fmt::format("{}{}", entry.by_returns ? 'R' : 'N', entry.by_ms);
  line += fmt::format(" {} {}", entry.arrival_ms, entry.not_before_ms);
  for (const auto& host : entry.hosts)
    line += fmt::format(" {} {} {} {} {}", host.host, host.recipients, host.attempts, host.last_attempt_ms,
                        host.notices);
  return line;
}

namespace {
Result<ScheduleHost> decode_host(const std::vector<std::string_view>& words, std::size_t at) {
  const auto recipients = to_number<unsigned>(words[at + 1]);
  const auto attempts = to_number<unsigned>(words[at + 2]);
  const auto last = to_number<std::int64_t>(words[at + 3]);
  const auto notices = to_number<unsigned>(words[at + 4]);
  if (!recipients || !attempts || !last || !notices) return permanent("malformed host in a schedule line");
  return ScheduleHost{std::string(words[at]), *recipients, *attempts, *last, *notices};
}

// "1", "1R1795000000000".
bool decode_priority(std::string_view word, ScheduleEntry& entry) {
  if (word.empty() || word[0] < '0' || word[0] > '2') return false;
  entry.priority = static_cast<Priority>(word[0] - '0');
  if (word.size() == 1) return true;
  entry.by_returns = word[1] == 'R';
  const auto by = to_number<std::int64_t>(word.substr(2));
  entry.by_ms = by.value_or(0);
  return by && (entry.by_returns || word[1] == 'N');
}
}  // namespace

Result<ScheduleEntry> decode_schedule_entry(std::string_view line) {
  const auto words = split_words(line);
  if (words.size() < 5 || words.size() % 5 != 0)
    return permanent("malformed schedule line: " + printable(line));
  ScheduleEntry entry;
  TRY(entry.name, FileName::parse(words[0]));
  const auto size = to_number<std::uint64_t>(words[1]);
  const auto arrival = to_number<std::int64_t>(words[3]);
  const auto not_before = to_number<std::int64_t>(words[4]);
  if (!size || !decode_priority(words[2], entry) || !arrival || !not_before)
    return permanent("malformed schedule line: " + printable(line));
  entry.size_bytes = *size;
  entry.arrival_ms = *arrival;
  entry.not_before_ms = *not_before;
  for (std::size_t at = 5; at < words.size(); at += 5) {
    TRY(auto host, decode_host(words, at));
    entry.hosts.push_back(std::move(host));
  }
  return entry;
}

std::string schedule_line(const FileName& name, const Envelope& envelope, std::uint64_t size_bytes) {
  return encode(make_schedule_entry(name, envelope, size_bytes));
}

}  // namespace waxwing::mta::queue
