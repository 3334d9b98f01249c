// What the event logs (log/*.log and their older parts) say about messages: read by imsimta trace.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"

namespace waxwing::imsimta {

// A line of an event log, taken apart; see common/log/log.h for its form.
struct LoggedEvent {
  std::string time, program, level, name;
  std::vector<std::pair<std::string, std::string>> fields;
  std::string_view field(std::string_view name) const;  // "" when it is not there
};
// False for what is no such line.
bool parse_event(std::string_view line, LoggedEvent& event);

// What belongs together: messages by their queue ids, and the sessions they came in by.
struct TraceIds {
  std::set<std::string, std::less<>> messages, sessions;
  std::size_t size() const { return messages.size() + sessions.size(); }
};

// Ids of at most `most` messages, the newest, whose events name this address as sender or recipient, or this session.
Result<TraceIds> find_messages(const std::string& folder, std::string_view address, std::size_t most);

// All events of these messages, of the sessions they came by, and of the messages born of them (notifications,
// automatic replies, messages that went on from a channel anew: field "as"), which are added to ids; in the order of time. Reads the logs once for each generation.
Result<std::vector<LoggedEvent>> follow(const std::string& folder, TraceIds& ids);

}  // namespace waxwing::imsimta
