#include "common/daemon/detail/frame.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "common/base/strings.h"
#include "common/daemon/instance_journal.h"
#include "common/daemon/only_one.h"
#include "common/daemon/open_log.h"
#include "common/daemon/privileges.h"
#include "common/log/log.h"

namespace waxwing {

DaemonFrame& DaemonFrame::create(std::string name, DaemonOptions options,
                                 std::shared_ptr<const Config> config) {
  static auto& daemon = *new Daemon(std::move(name));
  daemon.inner_->options = options;
  daemon.inner_->begun_with = config;
  daemon.inner_->config.set(std::move(config));
  static auto& frame = *new DaemonFrame{daemon, *daemon.inner_};
  return frame;
}

Result<> DaemonFrame::take_place(const char* name) {
  const auto config = inner.config.get();
  if (inner.options.only_one) {
    TRY(inner.lock, only_one(config->root(), name));
  }
  return open_instance_journal(*config);
}

Result<> DaemonFrame::run(const Start& start) {
  make_loops();
  watch_signals();
  Result<> started;
  inner.unready =
      std::shared_ptr<void>(this, [](void* frame) { static_cast<DaemonFrame*>(frame)->tell_ready(); });
  inner.loops.front()->post([&] {
    started = begin(start);
    if (!started) inner.loops.front()->stop();
  });
  inner.loops.front()->run();
  if (started) log::Event("daemon.stopped").notice();
  return started;
}

Result<> DaemonFrame::begin(const Start& start) {
  try {
    TRY_VOID(start(daemon));
  } catch (const std::exception& error) {
    return bug(error.what());
  }
  drop_capabilities();
  start_threads();
  inner.unready.reset();
  return {};
}

void DaemonFrame::make_loops() {
  const auto& config = *inner.config.get();
  auto count = inner.options.loops;
  if (count == 0) count = static_cast<std::size_t>(config.number("daemon.loops"));
  if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) inner.loops.push_back(std::make_unique<EventLoop>());
  inner.workers = std::make_unique<WorkerPool>(static_cast<unsigned>(config.number("daemon.workers")));
}

// After the capabilities are gone: a thread keeps what it was born with.
void DaemonFrame::start_threads() {
  for (std::size_t i = 1; i < inner.loops.size(); ++i)
    inner.threads.emplace_back([loop = inner.loops[i].get()] { loop->run(); });
}

// ---- watcher ------------------------------------------------------------------------------------------

Record DaemonFrame::word(const char* verb) const {
  return Record(verb).set("name", daemon.name()).set("pid", ::getpid());
}

// Tells watcher who we are and that we live; tries again for ever, so that watcher may be restarted.
Task<void> DaemonFrame::keep_in_touch(DaemonFrame& frame) {
  auto& inner = frame.inner;
  auto& loop = *inner.loops.front();
  const std::string path = frame.daemon.config()->path_of("run/watcher");
  for (;;) {
    auto connected = connect_unix(path);
    if (!connected) {
      co_await loop.sleep(2000);
      continue;
    }
    PacketSocket watcher(loop, std::move(*connected));
    inner.watcher = &watcher;
    // A watcher that is new, or was renewed, must not take one who is finishing for one who hangs.
    const auto sign = [&](const char* usual) { return frame.word(inner.stopping ? "stopping" : usual); };
    auto said = watcher.send(sign("ready"));
    if (said && inner.unsaid) said = watcher.send(*std::exchange(inner.unsaid, std::nullopt));
    while (said && !watcher.broken()) {
      // It says nothing; but when it goes, we see it at once.
      auto heard = co_await watcher.receive(2000);
      if (watcher.broken()) break;
      said = watcher.send(sign("alive"));
    }
    inner.watcher = nullptr;
    co_await loop.sleep(20);
  }
}

void DaemonFrame::tell_ready() {
  log::Event("daemon.ready").with("instance", daemon.config()->root()).notice();
  spawn(keep_in_touch(*this));
}

void DaemonFrame::tell_reloaded(Record record) {
  if (inner.watcher && inner.watcher->send(record)) return;
  inner.unsaid = std::move(record);
}

// ---- signals ------------------------------------------------------------------------------------------

namespace {
// Groups of options that only some programs have; the others' are everybody's.
bool concerns(std::string_view option, std::string_view program) {
  static constexpr std::pair<std::string_view, std::string_view> kOwners[] = {
      {"imap.", "imapd"},
      {"pop.", "popd"},
      {"lmtp.", "lmtpd dispatcher"},
      {"submit.", "dispatcher"},
      {"watcher.", "watcher"},
      {"base.", "watcher"},
      {"ims_master.", "ims_master"},
      {"smtp.", "smtpd dispatcher tcp_smtp_client"}};
  if (option.ends_with(".enable") || option == "store.enable") return program == "watcher";
  for (const auto& [head, programs] : kOwners)
    if (option.starts_with(head)) {
      const auto words = split_words(programs);
      return std::find(words.begin(), words.end(), program) != words.end();
    }
  return true;
}

// Names of the options whose values differ, with commas between; restart: those that a reload does not
// change.
std::string changed_options(const Config& before, const Config& after, std::string_view program,
                            bool restart) {
  std::string names;
  for (const auto& spec : option_registry()) {
    if (spec.restart != restart || !concerns(spec.name, program)) continue;
    const bool starred = spec.name.find('*') != std::string_view::npos;
    const bool same = starred ? before.starred(spec.name) == after.starred(spec.name)
                              : before.text(spec.name) == after.text(spec.name);
    if (!same) names += (names.empty() ? "" : ",") + std::string(spec.name);
  }
  return names;
}
}  // namespace

void DaemonFrame::reload() {
  const auto before = inner.config.get();
  auto fresh = Config::load(before->root());
  if (!fresh) {
    log::Event("daemon.reload.refused").with("error", fresh.error().text).error();
    return tell_reloaded(word("reloaded").set("trouble", fresh.error().text));
  }
  const auto now = changed_options(*before, **fresh, daemon.name(), false);
  const auto later = changed_options(*inner.begun_with, **fresh, daemon.name(), true);
  inner.config.set(*fresh);
  open_log(**fresh, daemon.name());
  inner.reload_troubles.clear();
  inner.unready = std::shared_ptr<void>(this, [this, now, later](void*) { end_reload(now, later); });
  for (auto& handler : inner.reload_handlers) handler();
  inner.unready.reset();
}

void DaemonFrame::end_reload(const std::string& now, const std::string& later) {
  tell_reloaded(
      word("reloaded").set("changed", now).set("wants_restart", later).set("trouble", inner.reload_troubles));
  log::Event event("daemon.reloaded");
  if (!now.empty()) event.with("changed", now);
  if (!later.empty()) event.with("wants_restart", later);
  event.notice();
}

void DaemonFrame::stop() {
  if (inner.stopping.exchange(true)) return;
  log::Event("daemon.stopping").with("sessions", static_cast<std::int64_t>(inner.sessions)).notice();
  for (auto& handler : inner.stop_handlers) handler();
  if (inner.sessions == 0) inner.loops.front()->stop();
  inner.deadline = inner.loops.front()->every(inner.options.grace_ms, [this] {
    log::Event("daemon.grace.over").with("sessions", static_cast<std::int64_t>(inner.sessions)).warning();
    inner.loops.front()->stop();
  });
}

void DaemonFrame::signalled(int number, short, void* self) {
  auto& frame = *static_cast<DaemonFrame*>(self);
  if (number == SIGHUP)
    frame.reload();
  else
    frame.stop();
}

void DaemonFrame::watch_signals() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    auto* event = evsignal_new(inner.loops.front()->base(), number, &signalled, this);
    event_add(event, nullptr);
    inner.signals.push_back(event);
  }
}

}  // namespace waxwing
