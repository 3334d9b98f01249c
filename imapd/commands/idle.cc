// IDLE: RFC 9051 §6.3.13.
//
// The store's events wake the session; what it tells comes from the view, so an event that comes twice or
// late does no harm.
#include "common/base/strings.h"
#include "common/base/time.h"
#include "imapd/commands/commands.h"
#include "imapd/server.h"

namespace waxwing::imap {
namespace {

// Between the event's thread and the session, which may be gone by the time the word arrives.
// Loop thread only. A waiting read may be interrupted, a write that waits for a slow client may not.
struct Alarm {
  Session* session = nullptr;
  bool waiting = false;
  bool rung = false;

  void ring() {
    rung = true;
    if (session && waiting) session->wake();
  }
};

std::unique_ptr<store::Events::Watch> watch(Session& session, const std::shared_ptr<Alarm>& alarm) {
  if (!session.selected()) return nullptr;
  auto& loop = session.stream().loop();
  const auto ring = [alarm, &loop](const store::Event&) { loop.post([alarm] { alarm->ring(); }); };
  return session.server().store().events().watch_mailbox(session.selected()->mailbox->entry().id, ring);
}

enum class Woken { line, change, silence, ended };

Task<Woken> wait(Session& session, Alarm& alarm) {
  auto& stream = session.stream();
  for (;;) {
    if (stream.peek().find('\n') != std::string_view::npos) co_return Woken::line;
    if (stream.peek().size() > 100) co_return Woken::ended;
    if (std::exchange(alarm.rung, false)) co_return Woken::change;
    alarm.waiting = true;
    auto filled = co_await stream.fill();
    alarm.waiting = false;
    if (filled && *filled) continue;
    if (filled) co_return Woken::ended;
    if (is_timeout(filled.error())) co_return Woken::silence;
    if (!is_interrupt(filled.error())) co_return Woken::ended;
    alarm.rung = false;
    co_return Woken::change;
  }
}

Answer take_line(Session& session) {
  auto& stream = session.stream();
  const auto bytes = stream.peek();
  const auto newline = bytes.find('\n');
  const bool done = iequals(trim(bytes.substr(0, newline)), "DONE");
  stream.skip(newline + 1);
  return done ? Answer::ok("IDLE completed") : Answer::bad("Expected DONE");
}

// Until DONE, the end of the connection, shutdown or autologout.
Task<Answer> idle_until_done(Session& session, Alarm& alarm) {
  const auto settings = session.server().settings();
  const auto began = monotonic_ms();
  for (;;) {
    co_await session.report_changes(true, false);
    const bool told = co_await session.flush();
    if (!told || session.stopping() || session.finished()) co_return Answer::ok("IDLE ended");
    const auto woken = co_await wait(session, alarm);
    if (woken == Woken::line) co_return take_line(session);
    if (woken == Woken::ended) {
      session.finish();
      co_return Answer::bad("Expected DONE");
    }
    if (woken != Woken::silence) continue;
    if (monotonic_ms() - began >= settings->idle_timeout_ms) {
      session.untagged("BYE Autologout: nothing was heard for too long");
      session.finish();
      co_return Answer::ok("IDLE ended");
    }
    session.untagged("OK Still here");
  }
}

}  // namespace

Task<Answer> idle(Session& session, Command& command) {
  if (auto parsed = command.arguments.end(); !parsed) co_return bad_syntax(parsed.error());
  const auto settings = session.server().settings();
  auto alarm = std::make_shared<Alarm>();
  alarm->session = &session;
  auto watching = watch(session, alarm);
  session.write("+ idling\r\n");
  const auto keepalive = settings->idle_keepalive_ms;
  session.stream().set_timeout_ms(keepalive > 0 ? std::min(keepalive, settings->idle_timeout_ms)
                                                : settings->idle_timeout_ms);
  auto answer = co_await idle_until_done(session, *alarm);
  alarm->session = nullptr;
  watching.reset();
  session.use_limits();
  co_return answer;
}

}  // namespace waxwing::imap
