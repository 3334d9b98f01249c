// The job controller's schedule under any course of events: messages that come, jobs that take, finish, defer and die,
// operators, looks at the tree, time. Two bytes of input are one event and what it is about. After each the books must
// agree (Schedule::audit), a unit is in one pair of hands only, and what was promised by has_work() is there. At the
// end everything that is left is done, and nothing is lost.
#include "job_controller/schedule.h"

#include <map>

#include "common/base/strings.h"
#include "t/fuzz/fuzz.h"

using namespace waxwing;
using namespace waxwing::job_controller;

namespace {

constexpr std::int64_t kStart = 1'795'000'000'000, kMinute = 60'000, kDay = 24 * 60 * kMinute;
constexpr const char* kChannels[] = {"tcp_local", "ims-ms", "etrn"};
constexpr const char* kHosts[] = {"", "a.test", "b.test", "c.test"};
constexpr std::size_t kMostFiles = 40, kMostEvents = 300;

ChannelPolicy policy_of(const std::string& channel) {
  ChannelPolicy policy;
  policy.on_demand = channel == "etrn";
  if (channel == "ims-ms") policy.after_seconds = 120, policy.immediate = {true, false, true};
  return policy;
}

class Life {
 public:
  explicit Life(std::uint8_t choice) {
    if (choice & 1) schedule_.set_openings([this](const std::string&) { return open_; });
  }

  void event(std::uint8_t what, std::uint8_t which) {
    constexpr void (Life::*kEvents[])(std::uint8_t) = {
        &Life::add,    &Life::take, &Life::done,   &Life::defer, &Life::give_back_unit,
        &Life::forget, &Life::call, &Life::wait,   &Life::stop,  &Life::return_file,
        &Life::room,   &Life::look, &Life::window, &Life::retry, &Life::disk};
    (this->*kEvents[what % std::size(kEvents)])(which);
    const auto wrong = schedule_.audit();
    MUST(wrong.empty());
    MUST(schedule_.size() <= kMostFiles);
  }

  // Whatever state it is in: a day later, with every door open, all of it can be taken and done.
  void end() {
    open_ = {true, true, true};
    schedule_.refresh_openings();
    for (const auto* channel : kChannels) schedule_.set_stopped(channel, false);
    while (!in_hand_.empty()) done(0);
    for (int rounds = 0; schedule_.size() > 0; ++rounds) {
      MUST(rounds < 1000);
      now_ms_ += kDay;
      while (!renames_.empty()) disk(0);
      schedule_.tick(now_ms_);
      for (const auto* channel : kChannels) {
        schedule_.call_all(channel);
        schedule_.retry_now(channel);
        while (auto work = schedule_.take(channel, 0, now_ms_)) schedule_.done(work->unit);
      }
      MUST(schedule_.audit().empty());
    }
  }

 private:
  static std::string channel_of(std::uint8_t which) { return kChannels[which % std::size(kChannels)]; }

  // The disk has renamed one, or could not.
  void disk(std::uint8_t which) {
    if (renames_.empty()) return;
    const auto [from, to] = renames_.front();
    renames_.erase(renames_.begin());
    schedule_.renamed(which & 128 ? from : to);
  }

  void add(std::uint8_t which) {
    if (schedule_.size() >= kMostFiles) return;
    ScheduleEntry entry;
    entry.name =
        *FileName::parse(channel_of(which) + "/000/ZZ" + std::to_string(100000 + serial_ % 64) + ".00");
    ++serial_;
    entry.priority = static_cast<Priority>(which / 3 % 3);
    entry.arrival_ms = now_ms_ - (which & 64 ? 3 * kDay : 0);
    entry.size_bytes = which;
    if (which & 32) entry.not_before_ms = now_ms_ + 5 * kMinute;
    for (std::size_t n = 0; n < 1 + which / 9 % 3U; ++n)
      entry.hosts.push_back({kHosts[(which + n) % std::size(kHosts)], 1 + which % 4U, which / 64U,
                             which & 128 ? now_ms_ - kMinute : 0, which & 16 ? 1U : 0U});
    const bool known = schedule_.knows(entry.name);
    const bool added = schedule_.add(entry, now_ms_);
    MUST(!(known && added));
    if (added) MUST(schedule_.knows(entry.name));
  }

  void take(std::uint8_t which) {
    const auto channel = channel_of(which);
    const unsigned per_host = which & 64 ? 1 : 0;
    const bool has_work = schedule_.has_work(channel, per_host, now_ms_);
    const auto work = schedule_.take(channel, per_host, now_ms_);
    MUST(work.has_value() == has_work);
    if (!work) return;
    MUST(!schedule_.is_stopped(channel) && in_hand_.emplace(work->unit, work->file).second);
    MUST(work->file.starts_with(channel + "/"));
  }

  // Takes one out of the hands of the jobs; 0: there is none.
  std::uint64_t let_go(std::uint8_t which) {
    if (in_hand_.empty()) return 0;
    const auto at = std::next(in_hand_.begin(), static_cast<std::ptrdiff_t>(which % in_hand_.size()));
    const auto unit = at->first;
    in_hand_.erase(at);
    return unit;
  }

  void done(std::uint8_t which) { schedule_.done(let_go(which)); }
  void defer(std::uint8_t which) {
    Schedule::Deferral deferral;
    deferral.until_ms = which & 16 ? now_ms_ + which * kMinute : 0;
    deferral.notices = which & 3;
    deferral.attempted = (which & 4) == 0;
    if (which & 8) deferral.host_down = "connection refused";
    schedule_.deferred(let_go(which), deferral, now_ms_);
  }
  void give_back_unit(std::uint8_t which) { schedule_.returned(let_go(which), (which & 128) != 0, now_ms_); }

  std::optional<FileName> some_file(std::uint8_t which) {
    std::vector<std::string> files;
    schedule_.view(channel_of(which), [&](const UnitView& unit) { files.push_back(unit.file); });
    if (files.empty()) return std::nullopt;
    return *FileName::parse(files[which / 3 % files.size()]);
  }
  void forget(std::uint8_t which) {
    if (which & 128) return (void)schedule_.forget_file_of(let_go(which));
    const auto name = some_file(which);
    bool busy = false;
    if (name && schedule_.forget(*name, busy)) MUST(!busy && !schedule_.knows(*name));
  }
  void return_file(std::uint8_t which) {
    if (const auto name = some_file(which)) (void)schedule_.give_back(*name);
  }

  void call(std::uint8_t which) {
    (void)schedule_.call(channel_of(which), kHosts[which / 3 % std::size(kHosts)]);
  }
  void wait(std::uint8_t which) {
    now_ms_ += which & 1 ? which * kMinute : which * 500;
    schedule_.tick(now_ms_);
  }
  void stop(std::uint8_t which) { schedule_.set_stopped(channel_of(which), (which & 128) != 0); }
  void room(std::uint8_t) {
    const auto before = schedule_.size();
    const bool made = schedule_.make_room(now_ms_);
    MUST(schedule_.size() == before - (made ? 1 : 0));
  }
  void look(std::uint8_t which) {
    schedule_.begin_look();
    const auto name = some_file(which);
    if (name) MUST(schedule_.saw(*name));
    const auto unseen = schedule_.unseen(channel_of(which));
    // Those in somebody's hands are left out.
    MUST(unseen.size() + (name ? 1 : 0) <= schedule_.size(channel_of(which)));
    for (const auto& file : unseen) MUST(schedule_.knows(file) && (!name || file.key() != name->key()));
  }
  void window(std::uint8_t which) {
    open_ = {(which & 1) != 0, (which & 2) != 0, (which & 4) != 0};
    schedule_.refresh_openings();
    if (which & 8) schedule_.reload_policies();
  }
  void retry(std::uint8_t which) { schedule_.retry_now(channel_of(which)); }

  std::int64_t now_ms_ = kStart;
  std::array<bool, 3> open_ = {true, true, true};
  std::vector<std::pair<FileName, FileName>> renames_;  // that the disk has not done yet
  Schedule schedule_{policy_of, [this](const FileName& name, unsigned attempts) {
                       auto to = name;
                       to.attempts = attempts;
                       renames_.emplace_back(name, to);
                     }};
  std::map<std::uint64_t, std::string> in_hand_;
  int serial_ = 0;
};

}  // namespace

FUZZ_TARGET(schedule) {
  fuzz::Input in(input);
  Life life(in.byte());
  for (std::size_t n = 0; !in.at_end() && n < kMostEvents; ++n) {
    const auto what = in.byte();
    life.event(what, in.byte());
  }
  life.end();
}
