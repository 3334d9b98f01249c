#include <fmt/format.h>

#include "common/base/strings.h"
#include "tools/imsimta/json.h"
#include "tools/imsimta/trace.h"

namespace waxwing::imsimta {

namespace {

struct Phrase {
  std::string_view event, words;
};
constexpr Phrase kPhrases[] = {
    {"smtp.open", "connected"},
    {"smtp.tls", "began TLS"},
    {"smtp.auth", "logged in"},
    {"smtp.auth.failed", "login failed"},
    {"smtp.mail.rejected", "sender refused"},
    {"smtp.rcpt.rejected", "recipient refused"},
    {"smtp.data.rejected", "message refused"},
    {"smtp.data.lost", "connection lost within the message"},
    {"smtp.close", "disconnected"},
    {"mta.access", "access table says"},
    {"mta.enqueue", "queued"},
    {"mta.discarded", "discarded"},
    {"mta.member.refused", "member of a list refused"},
    {"mta.delivered", "delivered"},
    {"mta.deferred", "deferred"},
    {"mta.failed", "failed"},
    {"mta.held", "held"},
    {"smtp_client.connect.failed", "next host not reached"},
    {"smtp_client.tls.failed", "TLS with the next host failed"},
    {"notify.sent", "notification sent"},
    {"notify.dropped", "nobody to notify"},
    {"queue.held", "held by an operator"},
    {"queue.released", "released by an operator"},
    {"queue.deleted", "deleted by an operator"},
    {"queue.rerouted", "sent elsewhere by an operator"},
    {"queue.to_return", "an operator wants it returned"},
    {"lmtp.open", "connected (LMTP)"},
    {"lmtp.close", "disconnected (LMTP)"},
};

std::string_view words_for(std::string_view name) {
  for (const auto& phrase : kPhrases)
    if (phrase.event == name) return phrase.words;
  return name;
}

std::vector<std::string> texts_of(const std::set<std::string, std::less<>>& set) {
  return {set.begin(), set.end()};
}

}  // namespace

void print_trace_json(const Trace& trace) {
  std::vector<JsonObject> events, queue, store;
  for (const auto& event : trace.events) {
    auto& object = events.emplace_back();
    object.text("time", event.time).text("program", event.program);
    object.text("event", event.name).text("what", words_for(event.name));
    for (const auto& [name, value] : event.fields) object.text(name, value);
  }
  for (const auto& each : trace.queued)
    queue.emplace_back()
        .text("qid", each.message)
        .text("file", each.file)
        .text("to", each.address)
        .number("attempts", each.attempts)
        .flag("held", each.held)
        .flag("give_back", each.give_back)
        .text("last", each.last)
        .text("why", each.why);
  for (const auto& each : trace.stored)
    store.emplace_back()
        .text("qid", each.message)
        .text("mailbox", each.mailbox)
        .number("uid", each.uid)
        .text("state", each.state);
  JsonObject()
      .texts("messages", texts_of(trace.ids.messages))
      .texts("sessions", texts_of(trace.ids.sessions))
      .list("events", events)
      .list("queue", queue)
      .list("store", store)
      .print();
}

void print_trace_text(const Trace& trace) {
  const bool one_message = trace.ids.messages.size() < 2, one_session = trace.ids.sessions.size() < 2;
  for (const auto& event : trace.events) {
    auto line = fmt::format("{} {:<16} {}", event.time, event.program, words_for(event.name));
    for (const auto& [name, value] : event.fields) {
      const bool known = (name == "qid" && one_message) || (name == "sid" && one_session);
      if (!known && !value.empty()) line += fmt::format(" {}={}", name, printable(value, 2000));
    }
    fmt::print("{}\n", line);
  }
  if (trace.queued.empty()) fmt::print("Nothing of it is in the queue.\n");
  for (const auto& each : trace.queued)
    fmt::print("{} {} to {}: {} attempts{}{}{}{}\n",
               each.held        ? "Held:"
               : each.give_back ? "Goes back to its sender:"
                                : "Waits:",
               each.file, printable(each.address), each.attempts,
               each.last.empty() ? "" : ", last: ", printable(each.last, 1000), each.why.empty() ? "" : "; ",
               each.why);
  for (const auto& each : trace.stored)
    fmt::print("Stored: {} uid {}: {}\n", printable(each.mailbox, 1000), each.uid, each.state);
}

}  // namespace waxwing::imsimta
