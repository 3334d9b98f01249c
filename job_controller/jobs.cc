#include "job_controller/jobs.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "common/base/failpoint.h"
#include "common/base/random.h"
#include "common/base/strings.h"
#include "common/base/time.h"
#include "common/log/log.h"
#include "job_controller/launcher.h"

namespace waxwing::job_controller {

namespace {
constexpr std::size_t kMostPacketBytes = 64 * 1024;
constexpr std::int64_t kHelloLimitMs = 60'000;
constexpr std::int64_t kTellLimitMs = 2'000;
}  // namespace

Jobs::Jobs(Daemon& daemon, Schedule& schedule, const ControllerConfig& config,
           const std::shared_ptr<mta::queue::Queue>& queue)
    : daemon_(daemon), schedule_(schedule), config_(config), queue_(queue), told_(daemon.loop()) {}

void Jobs::touch(const std::string& channel) {
  touched_.insert(channel);
  if (posted_) return;
  posted_ = true;
  daemon_.loop().post([this] { work_off(); });
}

void Jobs::touch_all() {
  for (const auto& channel : schedule_.channels()) touch(channel);
}

void Jobs::work_off() {
  posted_ = false;
  const auto channels = std::exchange(touched_, {});
  if (daemon_.stopping()) return;
  for (const auto& channel : channels) feed(channel);
}

void Jobs::feed(const std::string& channel) {
  for (auto& job : jobs_)
    if (job.channel == channel) feed_job(job);
  if (wants_another(channel)) start_job(channel);
}

void Jobs::feed_job(Job& job) {
  if (job.socket == nullptr || job.stopping) return;
  const auto now = wall_ms();
  Record work("work");
  std::size_t bytes = 0;
  const auto send = [&] {
    if (bytes > 0) (void)job.socket->send(work);  // a broken socket ends serve(), which gives the hand back
    work = Record("work");
    bytes = 0;
  };
  while (job.hand.size() < job.room) {
    const auto unit = schedule_.take(job.channel, job.per_host, now);
    if (!unit) break;
    const auto text =
        fmt::format("{} {} {} {} {}", unit->unit, unit->file, unit->host, mode_name(unit->mode), unit->why);
    if (bytes + text.size() > kMostPacketBytes) send();
    work.set("unit", text);
    bytes += text.size();
    job.hand.insert(unit->unit);
    job.served += 1;
  }
  send();
}

bool Jobs::wants_another(const std::string& channel) {
  if (const auto at = trouble_.find(channel);
      at != trouble_.end() && at->second.not_before_ms > monotonic_ms())
    return false;
  const auto& policy = schedule_.policy(channel);
  const auto& pool = config_.pool(policy.pool);
  unsigned of_channel = 0, of_pool = 0, ending = 0, per_host = 0;
  bool room = false;  // somebody can still take work, or will when it has started
  bool all_full = true;
  for (const auto& job : jobs_) {
    // One that ends takes no more work, and may hang for minutes on a host that does not answer. Another
    // takes its place at once, but as many may end as may work.
    if (&config_.pool(schedule_.policy(job.channel).pool) == &pool) ++(job.stopping ? ending : of_pool);
    if (job.channel != channel || job.stopping) continue;
    ++of_channel;
    per_host = std::max(per_host, job.per_host);
    room |= job.socket == nullptr || job.hand.size() < job.room;
    all_full &= job.full;
  }
  if (room || of_channel >= policy.maxjobs) return false;
  if (!schedule_.has_work(channel, per_host, wall_ms())) return false;
  const bool wanted =
      of_channel == 0 || (all_full && (of_channel + 1) * 2 <= pool.job_limit) ||
      (policy.filesperjob > 0 && schedule_.ready(channel) > std::size_t{policy.filesperjob} * of_channel) ||
      (policy.addrsperjob > 0 &&
       schedule_.ready_recipients(channel) > std::size_t{policy.addrsperjob} * of_channel);
  if (!wanted || (of_pool < pool.job_limit && ending <= pool.job_limit)) return wanted;
  make_room(channel, pool);
  return false;
}

// The pool is full: a program of another channel that has nothing to do leaves it, so that mail for many
// channels does not wait for the idle ones. Its end looks at all channels again.
void Jobs::make_room(const std::string& channel, const Pool& pool) {
  Job* longest = nullptr;
  for (auto& job : jobs_) {
    if (&config_.pool(schedule_.policy(job.channel).pool) != &pool) continue;
    if (job.stopping && job.hand.empty()) return;  // room is on its way
    if (job.stopping || job.channel == channel || job.concurrency == 0 || !job.hand.empty()) continue;
    if (longest == nullptr || job.idle_since_ms < longest->idle_since_ms) longest = &job;
  }
  if (longest != nullptr) stop_job(*longest);
}

void Jobs::start_job(const std::string& channel) {
  auto& trouble = trouble_[channel];
  const auto failed = [&](const std::string& why) {
    trouble.times += 1;
    trouble.not_before_ms = monotonic_ms() + (1000 << std::min(trouble.times, 6U));
    trouble.why = why;
    log::Event("job.start_failed").with("channel", channel).with("why", why).error();
  };
  const auto* section = config_.section(channel);
  if (section == nullptr || section->master_command.empty())
    return failed("no [CHANNEL=" + channel + "] section with a MASTER_COMMAND in job_controller.cnf");
  auto argv = resolve_command(daemon_.config()->root(), section->master_command);
  if (!argv) return failed("MASTER_COMMAND: " + argv.error().text);
  argv->insert(argv->end(), {"--instance", daemon_.config()->root()});
  Job job;
  job.channel = channel;
  job.token = unique_id();
  job.program = argv->front();
  job.started_ms = job.idle_since_ms = monotonic_ms();
  const auto pid =
      launch(daemon_.loop(), *argv, {{"WAXWING_CHANNEL", channel}, {"WAXWING_JOB", job.token}},
             [this, token = job.token](bool clean, const std::string& how) { ended(token, clean, how); });
  if (!pid) return failed(pid.error().text);
  job.pid = *pid;
  log::Event("job.started")
      .with("channel", channel)
      .with("pid", job.pid)
      .with("program", job.program)
      .information();
  jobs_.push_back(std::move(job));
}

std::string Jobs::trouble_of(const std::string& channel) const {
  const auto at = trouble_.find(channel);
  return at == trouble_.end() ? std::string() : at->second.why;
}

Jobs::Job* Jobs::find(std::string_view token) {
  for (auto& job : jobs_)
    if (job.token == token) return &job;
  return nullptr;
}

void Jobs::ended(const std::string& token, bool clean, const std::string& how) {
  const auto at = std::ranges::find(jobs_, token, &Job::token);
  if (at == jobs_.end()) return;
  const auto now = wall_ms();
  for (const auto unit : at->hand) schedule_.returned(unit, !clean, now);
  auto event = log::Event("job.ended");
  event.with("channel", at->channel)
      .with("pid", at->pid)
      .with("how", how)
      .with("served", static_cast<std::int64_t>(at->served));
  event.with("returned", static_cast<std::int64_t>(at->hand.size()));
  auto& trouble = trouble_[at->channel];
  if (at->concurrency == 0) {  // it never said hello
    trouble.times += 1;
    trouble.not_before_ms = monotonic_ms() + (1000 << std::min(trouble.times, 6U));
    trouble.why = at->program + " ended before it could take work (" + how + "): see its log";
    event.with("why", trouble.why);
  }
  clean ? event.information() : event.error();
  jobs_.erase(at);
  touch_all();  // its pool has room again
}

Task<void> Jobs::serve(PacketSocket& socket, Record hello) {
  const std::string token(hello.get("token"));
  auto* job = find(token);
  if (job == nullptr) {
    // Started by a job controller that is gone: what it had in hand is in the tree, and known to us from
    // there.
    (void)socket.send(Record("stop"));
    co_return;
  }
  job->socket = &socket;
  job->concurrency =
      static_cast<unsigned>(std::clamp<std::int64_t>(hello.number("concurrency", 1), 1, 10000));
  job->per_host = static_cast<unsigned>(std::clamp<std::int64_t>(hello.number("per_host"), 0, 10000));
  job->room = std::size_t{job->concurrency} * 2;
  trouble_.erase(job->channel);
  touch(job->channel);
  for (;;) {
    auto packet = co_await socket.receive();
    job = find(token);
    if (job == nullptr) co_return;
    if (!packet || !*packet) break;
    hear(*job, (*packet)->record);
  }
  // It closed, or said something that is no record: it has to end, and ended() sees to its hand.
  job->socket = nullptr;
  job->stopping = true;
}

bool Jobs::take_from_hand(Job& job, std::uint64_t unit) {
  return job.hand.erase(unit) > 0;
}

void Jobs::hear(Job& job, const Record& record) {
  if (record.is("report")) return report(job, record);
  if (record.is("doing")) return hear_doing(job, record);
  if (!record.is("capacity")) return;
  job.room = static_cast<std::size_t>(std::clamp<std::int64_t>(record.number("room"), 1, 20000));
  job.full = record.number("full") != 0;
  touch(job.channel);
}

void Jobs::hear_doing(Job& job, const Record& record) {
  if (record.number("ask") != job.asked) return;  // of a question that was given up
  for (const auto line : record.all("delivery")) job.said.emplace_back(line);
  if (record.has("more")) return;
  job.doing = std::exchange(job.said, {});
  job.told = job.asked;
  told_.notify_all();
}

Task<void> Jobs::ask_what_they_do(std::string channel) {
  const auto number = ++questions_;
  for (auto& job : jobs_) {
    if (!channel.empty() && !iequals(channel, job.channel)) continue;
    job.doing.clear();
    job.said.clear();
    job.told = job.asked = number;
    if (job.socket == nullptr || job.hand.empty()) continue;
    job.told = number - 1;
    (void)job.socket->send(Record("doing").set("ask", number));
  }
  // Another question meanwhile asks them anew, and its answers do for both.
  const auto silent = [](const Job& job) { return job.told < job.asked && job.socket != nullptr; };
  const auto until = monotonic_ms() + kTellLimitMs;
  while (std::ranges::any_of(jobs_, silent) && monotonic_ms() < until)
    co_await told_.wait(std::max<std::int64_t>(until - monotonic_ms(), 1));
}

void Jobs::report(Job& job, const Record& record) {
  const auto now = wall_ms();
  for (const auto& [name, value] : record.fields()) {
    std::string_view rest = value;
    const auto unit = to_number<std::uint64_t>(take_until(rest, ' ')).value_or(0);
    if (!take_from_hand(job, unit)) continue;
    if (name == "done" || name == "gone")
      schedule_.done(unit);
    else if (name == "returned")
      schedule_.returned(unit, false, now);
    else if (name == "held")
      report_held(job, value);
    else if (name == "deferred")
      report_deferred(job, value, now);
  }
  if (job.hand.empty()) job.idle_since_ms = monotonic_ms();
  touch(job.channel);
}

void Jobs::report_deferred(Job&, std::string_view text, std::int64_t now) {
  const auto unit = to_number<std::uint64_t>(take_until(text, ' ')).value_or(0);
  Schedule::Deferral deferral;
  deferral.until_ms = to_number<std::int64_t>(take_until(text, ' ')).value_or(0);
  deferral.notices = to_number<unsigned>(take_until(text, ' ')).value_or(0);
  deferral.attempted = take_until(text, ' ') != "0";
  const auto host = take_until(text, ' ');
  if (host == "1") deferral.host_down = text.empty() ? "unreachable" : std::string(text);
  deferral.congested = host == "2";
  schedule_.deferred(unit, deferral, now);
}

void Jobs::report_held(Job& job, std::string_view text) {
  const auto unit = to_number<std::uint64_t>(take_until(text, ' ')).value_or(0);
  const auto name = schedule_.forget_file_of(unit);
  if (!name) return;
  durable::Batch batch;
  const auto held = queue_->hold(*name, batch);
  // Where this fails the file is found under its old name at the next look at the tree, and tried again.
  durable::commit_async(
      std::move(batch), [channel = job.channel, held, why = std::string(text)](Result<> done) {
        auto event = log::Event("queue.held");
        event.with("qid", held.id).with("channel", channel).with("file", held.relative()).with("why", why);
        done ? event.notice() : event.with("error", done.error().text).error();
      });
}

void Jobs::stop_job(Job& job) {
  if (job.stopping) return;
  job.stopping = true;
  if (job.socket != nullptr)
    (void)job.socket->send(Record("stop"));
  else
    ::kill(job.pid, SIGTERM);
}

void Jobs::tick() {
  const auto now = monotonic_ms();
  for (auto& job : jobs_) {
    const auto* section = config_.section(job.channel);
    const ChannelSection limits = section != nullptr ? *section : ChannelSection{};
    const bool silent = job.concurrency == 0 && now - job.started_ms > kHelloLimitMs;
    const bool idle =
        job.hand.empty() && job.concurrency > 0 && now - job.idle_since_ms > limits.max_idle_seconds * 1000;
    const bool old =
        now - job.started_ms > limits.max_life_seconds * 1000 || job.served > limits.max_life_messages;
    if (silent || idle || old) stop_job(job);
  }
  touch_all();
}

void Jobs::stop_all() {
  for (auto& job : jobs_) stop_job(job);
}

std::vector<Jobs::JobView> Jobs::view() const {
  std::vector<JobView> rows;
  for (const auto& job : jobs_) {
    JobView row;
    row.channel = job.channel;
    row.program = job.program.substr(job.program.find_last_of('/') + 1);
    row.state = job.concurrency == 0 ? "starting"
                : job.stopping       ? "ending"
                : job.hand.empty()   ? "idle"
                : job.full           ? "full"
                                     : "working";
    row.pid = job.pid;
    row.started_seconds = wall_seconds() - (monotonic_ms() - job.started_ms) / 1000;
    row.in_hand = job.hand.size();
    row.served = job.served;
    row.deliveries = job.doing;
    rows.push_back(std::move(row));
  }
  return rows;
}

std::size_t Jobs::running(const std::string& channel) const {
  return static_cast<std::size_t>(std::ranges::count(jobs_, channel, &Job::channel));
}

}  // namespace waxwing::job_controller
