// What operators' tools ask over the socket.
#include <fmt/format.h>

#include <unordered_set>

#include "common/base/strings.h"
#include "common/log/log.h"
#include "common/net/workers.h"
#include "job_controller/controller.h"
#include "mta/config/channel_name.h"
#include "mta/queue/give_back.h"
#include "mta/queue/reroute.h"

namespace waxwing::job_controller {

namespace {
constexpr std::size_t kMostPacketBytes = 48 * 1024;

Record error(std::string text) {
  return Record("error").set("text", text);
}
}  // namespace

Task<Record> Controller::command(const Record& request, PacketSocket& socket) {
  if (request.is("summary")) {
    send_summary(socket);
    co_return Record("ok");
  }
  if (request.is("view")) {
    send_view(std::string(request.get("channel")), socket);
    co_return Record("ok");
  }
  if (request.is("where")) co_return where(request);
  if (request.is("unreadable"))
    co_return Record("ok").set(
        "count", static_cast<std::int64_t>(std::max<std::size_t>(unreadable_, unreadable_now_)));
  if (request.is("jobs")) {
    std::string wanted(request.get("channel"));
    co_await send_jobs(std::move(wanted), socket);
    co_return Record("ok");
  }
  if (request.is("rescan")) {
    co_await read_tree();
    co_return Record("ok");
  }
  if (request.is("walk")) co_return walk();
  if (request.is("change")) co_return change(request);
  if (request.is("call")) co_return call(request);
  if (request.is("stop") || request.is("start") || request.is("retry")) co_return channel_command(request);
  if (request.is("batch")) {
    auto answer = co_await batch_command(request);
    co_return answer;
  }
  if (request.has("file")) {
    auto answer = co_await file_command(request);
    co_return answer;
  }
  co_return error("the job controller does not know the request " + printable(request.verb()));
}

Record Controller::channel_command(const Record& request) {
  const std::string channel(request.get("channel"));
  if (!mta::is_channel_name(channel)) return error("not a channel name: " + printable(channel));
  const bool known =
      mta_config_->channel(channel) != nullptr || file_exists(queue_->directory() + "/" + channel);
  if (!known) return error("no channel " + channel + " in imta.cnf, and nothing queued for it");
  if (!request.is("retry")) {
    const bool stop = request.is("stop");
    const auto marked = queue_->set_stopped(channel, stop);
    if (!marked) return error(marked.error().text);
    schedule_.set_stopped(channel, stop);
    jobs_.forget_trouble(channel);
    log::Event(stop ? "queue.stopped" : "queue.started").with("channel", channel).notice();
  } else {
    jobs_.forget_trouble(channel);
    schedule_.retry_now(channel);
  }
  jobs_.touch(channel);
  return Record("ok");
}

Task<Result<FileName>> Controller::release(FileName name) {
  durable::Batch batch;
  auto released = queue_->release(name, batch);
  if (!released) co_return std::unexpected(released.error());
  auto done = co_await commit_durably(std::move(batch));
  if (!done) co_return std::unexpected(done.error());
  co_return std::move(*released);
}

Task<Record> Controller::file_command(const Record& request) {
  using Handler = Task<Record> (Controller::*)(FileName);
  static constexpr std::pair<std::string_view, Handler> kHandlers[] = {
      {"return", &Controller::return_file},   {"release", &Controller::release_file},
      {"delete", &Controller::delete_file},   {"hold", &Controller::hold_file},
      {"reroute", &Controller::reroute_file},
  };
  auto name = FileName::parse(request.get("file"));
  if (!name) co_return error(name.error().text);
  while (schedule_.is_renaming(*name)) co_await renames_.progress();
  const auto known = schedule_.name_of(*name);
  if (known) *name = *known;
  if (!known && !file_exists(queue_->path_of(*name)))
    co_return error("no such message file: " + name->relative());
  for (const auto& [verb, handler] : kHandlers) {
    if (!request.is(verb)) continue;
    auto handled = (this->*handler)(std::move(*name));
    auto answer = co_await std::move(handled);
    co_return answer;
  }
  co_return error("the job controller does not know the request " + printable(request.verb()));
}

// The wish is in the file before it is answered, for our memory of it may be lost before it is done.
Task<Record> Controller::return_file(FileName name) {
  auto noted = co_await daemon_.workers().run([&] { return mta::queue::mark_for_return(*queue_, name); });
  if (!noted) co_return error(noted.error().text);
  log::Event("queue.to_return").with("qid", name.id).with("file", name.relative()).notice();
  if (name.held) {
    auto released = co_await release(name);
    if (!released) co_return error(released.error().text);
    name = *released;
  }
  if (!schedule_.give_back(name)) co_await look(name.relative());
  jobs_.touch(name.channel);
  co_return Record("ok").set("file", name.relative());
}

Task<Record> Controller::release_file(FileName name) {
  if (!name.held) co_return error("the message is not held: " + name.relative());
  auto released = co_await release(name);
  if (!released) co_return error(released.error().text);
  log::Event("queue.released").with("qid", name.id).with("file", released->relative()).notice();
  co_await look(released->relative());
  schedule_.retry_now(*released);  // nobody means it to wait for the backoff of attempts before it was held
  jobs_.touch(released->channel);
  co_return Record("ok").set("file", released->relative());
}

// Takes the file out of the schedule, so that it can be renamed or removed.
std::optional<Record> Controller::take_out(const FileName& name) {
  bool busy = false;
  if (!schedule_.forget(name, busy) && busy)
    return error("the message is being delivered just now: " + name.relative());
  return std::nullopt;
}

Task<Record> Controller::delete_file(FileName name) {
  if (auto refused = take_out(name)) co_return std::move(*refused);
  durable::Batch batch;
  auto done = queue_->remove(name, batch);
  if (done) done = co_await commit_durably(std::move(batch));
  if (!done) {
    co_await look(name.relative());
    co_return error(done.error().text);
  }
  log::Event("queue.deleted").with("qid", name.id).with("file", name.relative()).notice();
  co_return Record("ok").set("file", name.relative());
}

Task<Record> Controller::hold_file(FileName name) {
  if (auto refused = take_out(name)) co_return std::move(*refused);
  if (name.held) co_return error("the message is held already: " + name.relative());
  durable::Batch batch;
  const auto held = queue_->hold(name, batch);
  auto done = co_await commit_durably(std::move(batch));
  if (!done) {
    co_await look(name.relative());
    co_return error(done.error().text);
  }
  log::Event("queue.held")
      .with("qid", name.id)
      .with("file", held.relative())
      .with("why", "operator")
      .notice();
  co_return Record("ok").set("file", held.relative());
}

Task<Record> Controller::reroute_file(FileName name) {
  if (auto refused = take_out(name)) co_return std::move(*refused);
  auto moved = co_await daemon_.workers().run([&] { return mta::queue::reroute(*queue_, name); });
  if (!moved) {
    co_await look(name.relative());
    co_return error(moved.error().text);
  }
  log::Event("queue.rerouted").with("qid", name.id).with("file", moved->relative()).notice();
  co_await look(moved->relative());
  schedule_.retry_now(*moved);  // whatever its last host made it wait for
  jobs_.touch(moved->channel);
  co_return Record("ok").set("file", moved->relative());
}

// Many files at one go: "batch do=delete file=... file=..." is answered with a result= for each file, empty
// where it was done. Others get their turn in between.
Task<Record> Controller::batch_command(const Record& request) {
  constexpr std::size_t kTurn = 16;
  const std::string verb(request.get("do"));
  Record answer("ok");
  std::size_t done = 0;
  for (const auto file : request.all("file")) {
    auto one = co_await file_command(Record(verb).set("file", file));
    answer.set("result", one.is("error") ? one.get("text") : "");
    if (++done % kTurn == 0) co_await daemon_.loop().sleep(0);
  }
  co_return answer;
}

void Controller::send_summary(PacketSocket& socket) {
  for (const auto& channel : schedule_.channels()) {
    const auto counts = schedule_.counts(channel);
    (void)socket.send(Record("row")
                          .set("channel", channel)
                          .set("files", static_cast<std::int64_t>(counts.files))
                          .set("bytes", static_cast<std::int64_t>(counts.bytes))
                          .set("ready", static_cast<std::int64_t>(counts.ready - counts.down))
                          .set("down", static_cast<std::int64_t>(counts.down))
                          .set("active", static_cast<std::int64_t>(counts.in_flight))
                          .set("waiting", static_cast<std::int64_t>(counts.waiting))
                          .set("hosts", static_cast<std::int64_t>(counts.hosts))
                          .set("hosts_down", static_cast<std::int64_t>(counts.hosts_down))
                          .set("jobs", static_cast<std::int64_t>(jobs_.running(channel)))
                          .set("stopped", counts.stopped ? 1 : 0)
                          .set("closed", counts.closed ? 1 : 0)
                          .set("on_demand", counts.on_demand ? 1 : 0)
                          .set("trouble", jobs_.trouble_of(channel)));
  }
}

// Rows behind that of the program, with of=<its pid>.
void Controller::send_deliveries(const Jobs::JobView& job, PacketSocket& socket) {
  Record row("row");
  std::size_t bytes = 0;
  const auto send = [&] {
    if (bytes > 0) (void)socket.send(row.set("of", job.pid));
    row = Record("row");
    bytes = 0;
  };
  for (const auto& line : job.deliveries) {
    row.set("delivery", line);
    bytes += line.size();
    if (bytes >= kMostPacketBytes) send();
  }
  send();
}

// "where file=": unit= "<host> <state> <due ms> <why the host is down>" for each host that is left.
Record Controller::where(const Record& request) const {
  const auto name = FileName::parse(request.get("file"));
  if (!name) return error(name.error().text);
  Record answer("ok");
  schedule_.view(*name, [&](const UnitView& unit) {
    answer.set("unit", fmt::format("{} {} {} {}", unit.host, unit.state, unit.due_ms, unit.why_down));
  });
  return answer.set("stopped", schedule_.is_stopped(name->channel) ? 1 : 0);
}

Task<void> Controller::send_jobs(std::string wanted, PacketSocket& socket) {
  co_await jobs_.ask_what_they_do(wanted);
  const auto rows = jobs_.view();
  for (const auto& job : rows) {
    if (!wanted.empty() && !iequals(wanted, job.channel)) continue;
    (void)socket.send(Record("row")
                          .set("channel", job.channel)
                          .set("program", job.program)
                          .set("pid", job.pid)
                          .set("state", job.state)
                          .set("started", job.started_seconds)
                          .set("in_hand", static_cast<std::int64_t>(job.in_hand))
                          .set("served", static_cast<std::int64_t>(job.served)));
    send_deliveries(job, socket);
  }
}

void Controller::send_view(const std::string& wanted, PacketSocket& socket) {
  Record rows("row");
  std::size_t bytes = 0;
  std::unordered_set<std::string> told;  // hosts that are down, each once
  for (const auto& channel : schedule_.channels()) {
    if (!wanted.empty() && !iequals(wanted, channel)) continue;
    if (const auto trouble = jobs_.trouble_of(channel); !trouble.empty()) {
      rows.set("trouble", channel + " " + trouble);
      bytes += trouble.size();
    }
    schedule_.view(channel, [&](const UnitView& unit) {
      const auto line = fmt::format("{} {} {} {} {} {} {} {}", unit.file, unit.host, unit.state,
                                    mta::queue::priority_name(unit.priority), unit.attempts, unit.arrival_ms,
                                    unit.due_ms, unit.bytes);
      rows.set("unit", line);
      bytes += line.size();
      if (!unit.why_down.empty() && told.insert(channel + " " + unit.host).second) {
        rows.set("down", channel + " " + unit.host + " " + unit.why_down);
        bytes += unit.why_down.size();
      }
      if (bytes < kMostPacketBytes) return;
      (void)socket.send(rows);
      rows = Record("row");
      bytes = 0;
    });
  }
  if (bytes > 0) (void)socket.send(rows);
}

}  // namespace waxwing::job_controller
