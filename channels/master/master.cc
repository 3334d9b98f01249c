#include "channels/master/master.h"

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "channels/master/open_files.h"
#include "channels/master/settle.h"
#include "channels/master/turns.h"
#include "common/base/failpoint.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "common/net/seqpacket.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

namespace {

using mta::queue::FileName;

constexpr std::size_t kMostPacketBytes = 64 * 1024;
constexpr std::int64_t kLockedMs = 30'000;

struct Unit {
  std::string id, file, host, why;
  UnitMode mode = UnitMode::attempt;
  std::int64_t came_ms = 0;  // monotonic
};

std::optional<Unit> parse_unit(std::string_view text) {
  Unit unit;
  unit.id = take_until(text, ' ');
  unit.file = take_until(text, ' ');
  unit.host = take_until(text, ' ');
  const auto mode = take_until(text, ' ');
  unit.mode = mode == "notify"   ? UnitMode::notify
              : mode == "return" ? UnitMode::give_back
                                 : UnitMode::attempt;
  unit.why = text;
  if (unit.id.empty() || unit.file.empty() || unit.host.empty()) return std::nullopt;
  return unit;
}

// An operator's word is in the file: whoever gave the unit out may have done so before it was spoken.
bool is_to_go_back(const Work& work) {
  for (const auto at : work.pending())
    if (work.envelope().recipients[at].progress.give_back) return true;
  return false;
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

class Master {
 public:
  Master(Daemon& daemon, MasterOptions options, std::string channel, std::shared_ptr<mta::queue::Queue> queue)
      : daemon_(daemon),
        options_(options),
        context_(daemon, std::move(channel), std::move(queue)),
        files_(*context_.queue(), context_.loop(), context_.workers()) {}

  Result<> start(const ChannelFactory& factory) {
    TRY(config_, mta::MtaConfig::load(daemon_.config()->root()));
    policy_ = mta::queue::policy_from_config(*config_, context_.channel());
    notifier_ = std::make_unique<mta::notify::Notifier>(daemon_.config()->root(), config_, context_.queue(),
                                                        context_.workers());
    TRY(channel_, factory(context_));
    turns_ = Turns(options_.concurrency, most_at_once());
    TRY(auto socket, connect_unix(daemon_.config()->path_of("run/job_controller")));
    socket_ = std::make_unique<PacketSocket>(context_.loop(), std::move(socket));
    TRY_VOID(socket_->send(Record("master")
                               .set("token", environment("WAXWING_JOB"))
                               .set("pid", ::getpid())
                               .set("concurrency", turns_.allowed())
                               .set("per_host", options_.per_host)));
    daemon_.on_stop([this] { leave(); });
    daemon_.on_reload([this] { reload(); });
    guard_ = daemon_.session();
    spawn(receive());
    return {};
  }

 private:
  void reload() {
    const auto config = mta::MtaConfig::load(daemon_.config()->root());
    if (!config) return log::Event("mta.reload.refused").with("error", config.error().text).error();
    config_ = *config;
    policy_ = mta::queue::policy_from_config(**config, context_.channel());
    // Replaced only between deliveries: a coroutine may be inside the old one.
    next_notifier_ = std::make_unique<mta::notify::Notifier>(daemon_.config()->root(), *config,
                                                             context_.queue(), context_.workers());
    if (running_ == 0) notifier_ = std::move(next_notifier_);
  }

  Task<void> receive() {
    for (;;) {
      auto packet = co_await socket_->receive();
      if (!packet || !*packet) {
        if (!leaving_) log::Event("master.controller_gone").notice();
        connected_ = false;
        break;
      }
      const auto& record = (*packet)->record;
      if (record.is("stop")) leave();
      // Also of one that ends, and cannot because a host keeps it waiting.
      if (record.is("doing")) tell_doing(record.number("ask"));
      if (!record.is("work") || leaving_) continue;
      for (const auto text : record.all("unit"))
        if (auto unit = parse_unit(text)) {
          unit->came_ms = monotonic_ms();
          files_.expect(unit->file);
          waiting_.push_back(std::move(*unit));
        }
      pump();
    }
    leave();
  }

  // Begins nothing more; the program ends when what has begun is finished. What the job controller gave and
  // was not begun goes back to it, or is found by the next one.
  void leave() {
    if (!leaving_) {
      leaving_ = true;
      give_back_waiting();
    }
    finish_if_idle();
  }

  void give_back_waiting() {
    for (const auto& unit : std::exchange(waiting_, {})) {
      files_.let_go(unit.file);
      tell("returned", unit.id);
    }
  }

  // Each delivery holds a socket and its queue file.
  unsigned most_at_once() const {
    constexpr rlim_t kDescriptorsEach = 4;
    ::rlimit files{};
    const auto most = channel_->most_at_once();
    if (most == 0 || ::getrlimit(RLIMIT_NOFILE, &files) != 0) return most;
    return static_cast<unsigned>(std::clamp<rlim_t>(files.rlim_cur / kDescriptorsEach, 1, most));
  }

  // Looks who only waits, as long as that lets others begin.
  Task<void> watch() {
    constexpr std::int64_t kLookMs = 500;
    watching_ = true;
    while (!leaving_ && (!waiting_.empty() || turns_.any_quiet())) {
      co_await context_.loop().sleep(kLookMs);
      look();
    }
    watching_ = false;
  }

  void look() {
    if (leaving_) return;
    const auto now = monotonic_ms();
    const auto quiet = std::ranges::count_if(
        under_way_, [&](const Work* work) { return now - work->moved_ms() >= Turns::kQuietMs; });
    const auto room = turns_.room();
    const bool full = turns_.full();
    turns_.look(running_, static_cast<unsigned>(quiet),
                waiting_.empty() ? 0 : now - waiting_.front().came_ms);
    if (turns_.room() != room || turns_.full() != full) {
      // Before the units that come back, or they would be given to us again.
      if (connected_)
        (void)socket_->send(Record("capacity")
                                .set("room", static_cast<std::int64_t>(turns_.room()))
                                .set("full", turns_.full() ? 1 : 0));
      if (turns_.full() && !full) log::Event("master.full").with("waiting", running_).notice();
    }
    if (turns_.full()) give_back_waiting();
    pump();
  }

  void finish_if_idle() {
    if (!leaving_ || running_ > 0 || finishing_) return;
    finishing_ = true;
    spawn(finish());
  }

  Task<void> finish() {
    co_await channel_->idle();
    co_await channel_->end();
    flush();
    guard_.reset();
    daemon_.end();
  }

  void pump() {
    while (!leaving_ && running_ < turns_.allowed() && !waiting_.empty()) {
      auto unit = std::move(waiting_.front());
      waiting_.pop_front();
      ++running_;
      spawn(run(std::move(unit)));
    }
    if (!waiting_.empty() && !watching_) spawn(watch());
  }

  Task<void> run(Unit unit) {
    co_await run_unit(unit);
    files_.let_go(unit.file);
    --running_;
    if (running_ == 0 && next_notifier_) notifier_ = std::move(next_notifier_);
    pump();
    if (running_ == 0 && waiting_.empty() && !leaving_) co_await channel_->idle();
    finish_if_idle();
  }

  Task<void> run_unit(Unit& unit) {
    auto name = FileName::parse(unit.file);
    if (!name) {
      tell("gone", unit.id);
      co_return;
    }
    auto file = files_.open(*name);
    if (!file) {
      unreadable(unit, *name, file.error());
      co_return;
    }
    auto reader = (*file)->share();
    auto mine = reader.lock_host(unit.host);
    if (!mine || !*mine) {
      // A program that outlived its job controller still works on it.
      tell("deferred", fmt::format("{} {} 0 0 0", unit.id, wall_ms() + kLockedMs));
      co_return;
    }
    Work work(std::move(reader), unit.host);
    if (is_to_go_back(work)) unit.mode = UnitMode::give_back;
    if (work.pending().empty()) {
      auto all_done = work.message().all_done();
      if (all_done && *all_done) context_.queue()->remove_settled(*name);
      tell("done", unit.id);
      co_return;
    }
    auto whole = co_await files_.verify(*file);
    if (!whole) {
      if ((*file)->is_at_its_name())
        unreadable(unit, *name, whole.error());
      else
        tell("gone", unit.id);  // another unit of it has set it aside
      co_return;
    }
    const InHand mark(in_hand_, unit, work);
    if (unit.mode == UnitMode::attempt && work.envelope().clock().over(wall_ms()))
      work.fail_rest("5.4.7 not delivered by the time its sender gave for it");
    else if (unit.mode == UnitMode::attempt)
      co_await deliver(work);
    else
      judge_untried(work, unit.mode, unit.why);
    const auto config = config_;  // a reload may come meanwhile
    const SettleContext context{*config, *notifier_, policy_, *context_.queue(), daemon_.workers()};
    work.step().is("settle");
    auto report = co_await settle(work, unit.mode, context, wall_ms());
    if (report.left_queue) channel_->left_queue(work);
    send_report(unit, report);
  }

  Task<void> deliver(Work& work) {
    const UnderWay mark(under_way_, work);
    work.step().is("deliver");
    try {
      co_await channel_->deliver(work);
    } catch (const std::exception& problem) {
      log::Event("master.exception").with("qid", work.queue_id()).with("what", problem.what()).error();
      work.defer_rest(std::string("4.3.0 ") + problem.what());
    }
  }

  void unreadable(const Unit& unit, const FileName& name, const Error& error) {
    if (mta::queue::is_gone(error)) return tell("gone", unit.id);
    if (error.fault == Fault::permanent) {
      context_.queue()->set_aside(name, error.text);
      return tell("gone", unit.id);
    }
    log::Event("queue.unreadable").with("file", name.relative()).with("why", error.text).error();
    tell("deferred", fmt::format("{} 0 0 1 0", unit.id));
  }

  void send_report(const Unit& unit, const UnitReport& report) {
    switch (report.kind) {
      case UnitReport::Kind::done:
        return tell("done", unit.id);
      case UnitReport::Kind::returned:
        return tell("returned", unit.id);
      case UnitReport::Kind::held:
        return tell("held", unit.id + " " + report.text);
      case UnitReport::Kind::deferred:
        break;
    }
    tell("deferred",
         fmt::format("{} {} {} {:d} {} {}", unit.id, report.until_ms, report.notices, report.attempted,
                     report.host_down   ? 1
                     : report.congested ? 2
                                        : 0,
                     std::string_view(report.text).substr(0, 300)));
  }

  // Reports of one turn of the loop leave in one packet.
  void tell(std::string_view what, std::string_view text) {
    report_.set(what, printable(text, 1000));
    report_bytes_ += text.size() + 16;
    if (report_bytes_ > kMostPacketBytes) return flush();
    if (flush_posted_) return;
    flush_posted_ = true;
    context_.loop().post([this] { flush(); });
  }

  void flush() {
    flush_posted_ = false;
    if (report_.fields().empty()) return;
    if (connected_) (void)socket_->send(report_);
    report_ = Record("report");
    report_bytes_ = 0;
  }

  // What is begun, for operators. In pieces that fit a packet, the last without more=.
  void tell_doing(std::int64_t ask) {
    const auto now = monotonic_ms();
    Record answer("doing");
    std::size_t bytes = 0;
    answer.set("ask", ask);
    for (const auto& [work, unit] : in_hand_) {
      const auto& step = work->step();
      const auto line = fmt::format("{} {} {} {} {} {}", unit->file, unit->host, now - step.begun_ms(),
                                    now - step.since_ms(), step.word(), printable(step.peer(), 300));
      bytes += line.size() + 16;
      if (bytes > kMostPacketBytes) {
        (void)socket_->send(answer.set("more", 1));
        answer = Record("doing");
        answer.set("ask", ask);
        bytes = line.size();
      }
      answer.set("delivery", line);
    }
    (void)socket_->send(answer);
  }

  struct InHand {
    using All = std::unordered_map<const Work*, const Unit*>;
    InHand(All& all, const Unit& unit, const Work& work) : all_(all), work_(&work) {
      all_.emplace(work_, &unit);
    }
    ~InHand() { all_.erase(work_); }
    InHand(const InHand&) = delete;
    All& all_;
    const Work* work_;
  };

  struct UnderWay {
    UnderWay(std::unordered_set<const Work*>& all, const Work& work) : all_(all), work_(&work) {
      all_.insert(work_);
    }
    ~UnderWay() { all_.erase(work_); }
    UnderWay(const UnderWay&) = delete;
    std::unordered_set<const Work*>& all_;
    const Work* work_;
  };

  Daemon& daemon_;
  MasterOptions options_;
  MasterContext context_;
  OpenFiles files_;
  std::shared_ptr<const mta::MtaConfig> config_;
  mta::queue::ChannelPolicy policy_;
  std::unique_ptr<mta::notify::Notifier> notifier_, next_notifier_;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<PacketSocket> socket_;
  Daemon::SessionHandle guard_;
  std::deque<Unit> waiting_;
  std::unordered_set<const Work*> under_way_;
  InHand::All in_hand_;
  Turns turns_{1, 0};
  unsigned running_ = 0;
  bool watching_ = false;
  bool leaving_ = false;
  bool finishing_ = false;
  bool connected_ = true;
  Record report_{"report"};
  std::size_t report_bytes_ = 0;
  bool flush_posted_ = false;
};

}  // namespace

int run_master(int argc, char** argv, MasterOptions options, ChannelFactory factory) {
  static std::unique_ptr<Master> master;  // lives as long as the program
  return run_daemon(
      argc, argv, options.program, {.loops = 1, .grace_ms = 120'000}, [&](Daemon& daemon) -> Result<> {
        auto channel = environment("WAXWING_CHANNEL");
        if (channel.empty() || environment("WAXWING_JOB").empty())
          return permanent(std::string(options.program) +
                           " is started by job_controller, not by hand: see its manual page");
        auto queue = std::make_shared<mta::queue::Queue>(daemon.config()->path_of("queue"),
                                                         daemon.config()->path_of("run/job_controller"));
        master = std::make_unique<Master>(daemon, options, std::move(channel), std::move(queue));
        return master->start(factory);
      });
}

}  // namespace waxwing::channels
