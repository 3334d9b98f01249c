// The schedule: what waits in the queue, and what may be worked on next. Memory only; the tree is the truth
// and this can be thrown away and made again from it. No I/O, no clock of its own: callers say what time it
// is (wall milliseconds). For one thread.
//
// A unit is what one channel program works on at a time: the recipients of one destination host in one
// queue file. Units of a host form a destination with a queue per priority; destinations that have
// something ready stand in rings, one per channel and priority, and are served in turn. So a host with a long
// queue does not keep others waiting, and what is added, taken, done or deferred costs the same however much is
// queued (but for what waits for its time, which is sorted by it). A host that is found down has its own queue
// gone through, once each time; calls, retries, looks and the audit go through what they are about.
// A message takes about 200 bytes, 64 more while it waits for its time, a host about 240: see t/bench/README.md.
// A host that is down is left alone for a time (doubling from one minute to thirty) and then tried with a
// single unit; a success opens it again. One that has had enough for now (421) gets half as much at once from then on,
// and one more after each round that went well, until nothing of it is left.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/base/strings.h"
#include "mta/queue/channel_policy.h"
#include "mta/queue/schedule_entry.h"

namespace waxwing::job_controller {

using mta::queue::ChannelPolicy;
using mta::queue::FileName;
using mta::queue::Priority;
using mta::queue::ScheduleEntry;

enum class Mode : std::uint8_t {
  attempt,
  notify,
  give_back
};                                 // give_back: return it to its sender, do not try
const char* mode_name(Mode mode);  // "try", "notify", "return"

struct Assignment {
  std::uint64_t unit = 0;
  std::string file;  // relative name
  std::string host;
  Mode mode = Mode::attempt;
  std::string why;  // for notify: why nothing was tried
};

struct ChannelCounts {
  std::size_t files = 0;
  std::size_t ready = 0;    // units not waiting for their time; of hosts that are down and closed windows too
  std::size_t down = 0;     // of those that are ready: for hosts that are down
  std::size_t waiting = 0;  // units that are
  std::size_t in_flight = 0;
  std::uint64_t bytes = 0;
  std::size_t hosts = 0;
  std::size_t hosts_down = 0;
  bool stopped = false;
  bool closed = false;  // something is ready whose delivery window is closed
  bool on_demand = false;
};

// What one line of `imsimta cache -view` shows.
struct UnitView {
  std::string file, host, state;
  std::string why_down;  // of the host
  Priority priority = Priority::normal;
  unsigned attempts = 0;
  std::int64_t arrival_ms = 0;
  std::int64_t due_ms = 0;
  std::uint64_t bytes = 0;
};

class Schedule {
 public:
  using PolicySource = std::function<ChannelPolicy(const std::string& channel)>;
  // The attempts of a file went up and none of its units is being worked on: the file's name should follow. Who is
  // asked may take as long as the disk takes, and answers by renamed(). Until then nobody gets a unit of the file, for
  // the name it would be given may be gone.
  using Rename = std::function<void(const FileName&, unsigned attempts)>;
  Schedule(PolicySource policies, Rename rename);
  ~Schedule();

  // False when the file is known already, is held, or has nothing left to do.
  bool add(const ScheduleEntry& entry, std::int64_t now_ms);
  bool knows(const FileName& name) const { return find_file(name) != nullptr; }
  std::size_t size() const { return size_; }
  std::size_t size(const std::string& channel) const;  // files of one channel

  // The next unit of the channel, or nothing. per_host: most units of one host at once, 0 no limit.
  std::optional<Assignment> take(const std::string& channel, unsigned per_host, std::int64_t now_ms);
  // Whether take() would answer one.
  bool has_work(const std::string& channel, unsigned per_host, std::int64_t now_ms);
  // How the unit ended. Unknown units are ignored: a file may have been deleted meanwhile.
  void done(std::uint64_t unit);
  struct Deferral {
    std::int64_t until_ms = 0;  // 0: by the channel's backoff
    unsigned notices = 0;       // sent so far
    bool attempted = true;      // false: notify only
    std::string host_down;      // not empty: the host could not be reached, and why
    bool congested = false;     // it wants less at once
  };
  void deferred(std::uint64_t unit, const Deferral& deferral, std::int64_t now_ms);
  // The program ended with the unit in hand: again soon, later each time it happens.
  void returned(std::uint64_t unit, bool crashed, std::int64_t now_ms);
  // The name the file has now; the one it had, when it could not be renamed.
  void renamed(const FileName& name);
  bool is_renaming(const FileName& name) const { return renaming_.contains(name.key()); }
  // Forgets the whole file of the unit (it is held now); answers its name.
  std::optional<FileName> forget_file_of(std::uint64_t unit);

  // Moves what is due to the ready queues.
  void tick(std::int64_t now_ms);

  // Operators. The key's file, when it is not being worked on, is forgotten (true) so that it can be renamed
  // or removed; false: unknown, or in work or being renamed (busy set).
  bool forget(const FileName& name, bool& busy);
  // Marks all units for return, at once, but those in work. False: unknown. The wish itself stands in the file.
  bool give_back(const FileName& name);
  // Forgets one file that cannot be tried for a while: the one that waits longest and more than a minute,
  // else one for a host that is down. The tree has it. False when there is none.
  bool make_room(std::int64_t now_ms);
  // Delivery windows: which priorities of a channel may be tried now. Asked when a channel is first seen and
  // at refresh_openings(). Units to notify or return go at any time.
  using Openings = std::function<std::array<bool, 3>(const std::string& channel)>;
  void set_openings(Openings openings);
  void refresh_openings();
  // The mail of one host is asked for: what is queued for it now is tried, whatever it waits for and also in a
  // channel on demand. Answers how many units are on their way or will be; 0: nothing is known of it.
  std::size_t call(const std::string& channel, const std::string& host);
  // The same for every host of the channel.
  std::size_t call_all(const std::string& channel);
  std::vector<std::string> hosts(const std::string& channel) const;
  void set_stopped(const std::string& channel, bool stopped);
  bool is_stopped(const std::string& channel) const;
  // Everything that waits in the channel is tried now, downed hosts included.
  void retry_now(const std::string& channel);
  // A file whose attempts have failed: without waiting for its backoff. One that waits for its first time goes on waiting.
  void retry_now(const FileName& name);
  void reload_policies();
  const ChannelPolicy& policy(const std::string& channel);

  // Units that wait for nothing but their turn, their host or a call, and their recipients; none of a stopped
  // channel, none that a closed window keeps back. For how many programs are worth starting.
  std::size_t ready(const std::string& channel) const;
  std::size_t ready_recipients(const std::string& channel) const;
  // Counts everything again and answers what does not agree with the books, a line each: a bug, if anything.
  std::vector<std::string> audit() const;
  std::vector<std::string> channels() const;
  ChannelCounts counts(const std::string& channel) const;
  void view(const std::string& channel, const std::function<void(const UnitView&)>& visit) const;
  void view(const FileName& name, const std::function<void(const UnitView&)>& visit) const;  // of one file
  // A look at the tree: begin_look(), then saw() for each file of a channel (false: not known), and unseen()
  // names those that are known since before the look and were not seen: removed behind our back, or renamed
  // while the directory was read.
  void begin_look() { look_ += 1; }
  bool saw(const FileName& name);
  std::vector<FileName> unseen(const std::string& channel) const;
  // Name as it is now; nothing when unknown.
  std::optional<FileName> name_of(const FileName& name) const;

 private:
  // parked: its turn came while its file was being renamed.
  enum class State : std::uint8_t { none, ready, waiting, parked, in_flight, done };
  struct File;
  struct Unit;
  struct Line;
  struct Destination;
  struct Channel;
  class Audit;

  Channel& channel_of(const std::string& name);
  const Channel* find_channel(const std::string& name) const;
  File* find_file(const FileName& name) const;
  Destination& destination_of(Channel& channel, const std::string& host);
  std::int64_t first_due_ms(const ScheduleEntry& entry, std::size_t host, const ChannelPolicy& policy) const;
  static Line& line_of(Unit& unit);
  static bool may_be_tried(const Destination& destination);
  static void end_call(Destination& destination);
  std::size_t call(Destination& destination);
  static UnitView view_of(const Unit& unit);
  void make_ready(Unit& unit);
  void make_waiting(Unit& unit, std::int64_t due_ms);
  void park(Unit& unit);
  void leave_state(Unit& unit);
  void activate(Destination& destination);
  bool may_start(const Destination& destination, unsigned per_host) const;
  Unit* least_useful(std::int64_t now_ms) const;
  Unit* find_ready(Channel& channel, unsigned per_host);
  Unit* pop_ready(Channel& channel, unsigned per_host);
  Assignment assign(Unit& unit, std::int64_t now_ms);
  Unit* in_flight_unit(std::uint64_t id);
  void host_down(Destination& destination, const std::string& why, std::int64_t now_ms);
  void host_up(Destination& destination);
  static void narrow(Destination& destination);
  static void widen(Destination& destination);
  void pace(Destination& destination, std::int64_t now_ms);
  void unpace(std::int64_t now_ms);
  void unblock(Destination& destination);
  void queue_notices(Destination& destination, std::int64_t now_ms);
  void drop_unit(Unit& unit);
  void drop_file(File& file);
  void drop_destination(Destination& destination);
  void settle_name(File& file);
  std::int64_t next_try_ms(const Unit& unit, std::int64_t now_ms);

  PolicySource policies_;
  Openings openings_;
  Rename rename_;
  std::unordered_map<std::string, std::unique_ptr<Channel>> channels_;
  std::unordered_map<std::uint64_t, Unit*> in_flight_;
  std::set<std::pair<std::int64_t, Unit*>> waiting_;
  std::set<std::pair<std::int64_t, Destination*>> blocked_;
  std::set<std::pair<std::int64_t, Destination*>> paced_;  // until a rate allows more
  std::unordered_set<std::string> renaming_;  // FileName::key(), also of files that were forgotten meanwhile
  std::size_t size_ = 0;
  std::uint32_t look_ = 0;
  std::uint64_t next_unit_ = 1;
};

}  // namespace waxwing::job_controller
