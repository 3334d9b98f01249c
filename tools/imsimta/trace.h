// What imsimta trace puts together: events of the past, and where the message is now.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/imsimta/command.h"
#include "tools/imsimta/trace_events.h"

namespace waxwing::imsimta {

// A recipient that is still in the queue.
struct Waiting {
  std::string message, file, address, last;
  unsigned attempts = 0;
  bool held = false, give_back = false;
  std::string why;  // it waits, and until when; empty when nobody knows
};
// A delivery into the message store, and what became of it.
struct Stored {
  std::string message, mailbox, state;  // "\Seen \Flagged", "not there any more", why nobody knows
  std::uint32_t uid = 0;
};
struct Trace {
  TraceIds ids;
  std::vector<LoggedEvent> events;
  std::vector<Waiting> queued;
  std::vector<Stored> stored;
};

Result<std::vector<Waiting>> still_queued(const Context& context, const TraceIds& ids);
// By the replies "2.1.5 user/joe/INBOX uid 7" of the events.
std::vector<Stored> find_in_store(const Context& context, const std::vector<LoggedEvent>& events);

void print_trace_json(const Trace& trace);
void print_trace_text(const Trace& trace);

}  // namespace waxwing::imsimta
