// What the job controller has to know of a queue file, and nothing more: sent with "enqueued" by the writer,
// or read from the file when the tree is scanned. One line of text:
//   <name> <size> <priority>[R<ms>|N<ms>] <arrival ms> <not before ms> {<host> <recipients> <attempts> <last attempt ms>
//   <notices>}…
// A recipient that is done does not count; a host with none left is left out. R and N: the time by which the
// message is to be delivered, and whether it is returned then (DELIVERBY).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mta/queue/envelope.h"
#include "mta/queue/queue.h"

namespace waxwing::mta::queue {

struct ScheduleHost {
  std::string host;
  unsigned recipients = 0;
  unsigned attempts = 0;
  std::int64_t last_attempt_ms = 0;
  unsigned notices = 0;
  bool give_back = false;  // to its sender; read from the file only, for it is no property of new mail
};

struct ScheduleEntry {
  FileName name;
  std::uint64_t size_bytes = 0;
  Priority priority = Priority::normal;
  std::int64_t arrival_ms = 0;
  std::int64_t not_before_ms = 0;
  std::int64_t by_ms = 0;
  bool by_returns = false;
  std::vector<ScheduleHost> hosts;

  Clock clock() const { return {std::max(arrival_ms, not_before_ms), by_ms, by_returns}; }
};

ScheduleEntry make_schedule_entry(const FileName& name, const Envelope& envelope, std::uint64_t size_bytes);
std::string encode(const ScheduleEntry& entry);
Result<ScheduleEntry> decode_schedule_entry(std::string_view line);

}  // namespace waxwing::mta::queue
