// imsimta trace: one message from the connection it came by to where it is now.
//
//   event logs → the ids that belong together → events in the order of time → what is still queued, what is stored
#include "tools/imsimta/trace.h"

#include "common/base/strings.h"

namespace waxwing::imsimta {

namespace {

constexpr const char* kUsage = "trace [-json] [-limit=N] queue-id|session-id|address";

Result<TraceIds> ids_of(const std::string& folder, const std::string& wanted, std::size_t most) {
  TRY(auto ids, find_messages(folder, wanted, most));
  if (wanted.find('@') != wanted.npos) return ids;
  ids.messages.insert(wanted);
  ids.sessions.insert(wanted);
  return ids;
}

// Whatever was asked for: only ids that something is known of.
void drop_unknown(Trace& trace) {
  std::set<std::string, std::less<>> messages, sessions;
  for (const auto& event : trace.events) {
    if (!event.field("qid").empty()) messages.emplace(event.field("qid"));
    if (!event.field("sid").empty()) sessions.emplace(event.field("sid"));
  }
  for (const auto& waiting : trace.queued) messages.insert(waiting.message);
  trace.ids = {std::move(messages), std::move(sessions)};
}

}  // namespace

Result<int> run_trace(const Context& context, Arguments arguments) {
  const bool json = arguments.take("json");
  std::string limit;
  std::size_t most = 10;
  if (arguments.take("limit", &limit)) {
    const auto number = to_number<std::size_t>(limit);
    if (!number || *number == 0 || *number > 1000)
      return permanent("-limit is a number of messages from 1 to 1000, not \"" + printable(limit) + "\"");
    most = *number;
  }
  const auto wanted = arguments.take_word();
  TRY_VOID(arguments.finish(kUsage));
  if (wanted.empty()) return permanent(std::string("usage: imsimta ") + kUsage);

  const auto folder = context.root + "/log";
  Trace trace;
  TRY(trace.ids, ids_of(folder, wanted, most));
  TRY(trace.events, follow(folder, trace.ids));
  TRY(trace.queued, still_queued(context, trace.ids));
  if (trace.events.empty() && trace.queued.empty())
    return permanent("nothing is known of " + printable(wanted) + " in " + folder +
                     "; take a queue id, a session id or an address as they stand there");
  trace.stored = find_in_store(context, trace.events);
  drop_unknown(trace);
  json ? print_trace_json(trace) : print_trace_text(trace);
  return 0;
}

}  // namespace waxwing::imsimta
