// The channel programs that run: started when there is work, fed over their sockets, ended when idle.
//
//   program → us   master token= pid= concurrency= per_host=
//   program → us   capacity room= full=    its deliveries wait for others: it takes more, or nothing more
//   us → program   doing ask=<n>                               what do your deliveries do? For operators
//   program → us   doing ask=<n> delivery="<file> <host> <ms since it began> <ms in this step> <step> <peer…>" … more=1
//   us → program   work unit="<id> <file> <host> <mode> <why…>" …     stop
//   program → us   report done=<id> … gone=<id> … returned=<id> … held="<id> <reason…>" …
//                  deferred="<id> <until ms> <notices> <attempted 0|1> <down 0|1|2> <text…>" …
// A program is given up to twice its concurrency, so that it goes on while its reports are on the way.
// The host is 1 down, 2 congested.
// What a program had in hand when it ended without a report is given out again. Where all programs of a channel
// are full of deliveries that only wait, another is started, but half of the pool is left to other channels.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_set>

#include "common/daemon/daemon.h"
#include "common/net/seqpacket.h"
#include "job_controller/controller_config.h"
#include "job_controller/schedule.h"
#include "mta/queue/queue.h"

namespace waxwing::job_controller {

class Jobs {
 public:
  Jobs(Daemon& daemon, Schedule& schedule, const ControllerConfig& config,
       const std::shared_ptr<mta::queue::Queue>& queue);

  // There may be work for the channel: looked at once before the loop sleeps again, however often it is said.
  void touch(const std::string& channel);
  // Why the channel's program did not start the last time; empty when it did.
  std::string trouble_of(const std::string& channel) const;
  // What was wrong may have been mended: the next try is now.
  void forget_trouble(const std::string& channel) { trouble_.erase(channel); }
  void forget_troubles() { trouble_.clear(); }
  void touch_all();
  // A connection that said "master": served here until it ends.
  Task<void> serve(PacketSocket& socket, Record hello);
  // Ends programs that are idle or old; starts what could not be started before. Every second or so.
  void tick();
  void stop_all();
  std::size_t running(const std::string& channel) const;
  struct JobView {
    std::string channel, program, state;  // state: starting, working, full, idle, ending
    pid_t pid = -1;
    std::int64_t started_seconds = 0;  // wall
    std::size_t in_hand = 0;
    std::uint64_t served = 0;
    std::vector<std::string> deliveries;  // lines as in "doing", after ask_what_they_do()
  };
  std::vector<JobView> view() const;
  // Has the programs of the channel (all: empty) say what they do, for the next view(). One that hangs, or is of an
  // earlier version, says nothing and is not waited for longer than a moment.
  Task<void> ask_what_they_do(std::string channel);

 private:
  struct Job {
    std::string channel, token, program;
    pid_t pid = -1;
    PacketSocket* socket = nullptr;  // null until it has said hello
    unsigned concurrency = 0;
    unsigned per_host = 0;
    std::size_t room = 0;  // units it takes in hand
    bool full = false;     // and it has begun all that it can
    std::unordered_set<std::uint64_t> hand;
    bool stopping = false;
    std::int64_t started_ms = 0;
    std::int64_t idle_since_ms = 0;
    std::uint64_t served = 0;
    std::int64_t asked = 0, told = 0;      // numbers of questions what it does
    std::vector<std::string> doing, said;  // the answer to the last; the one that is on its way
  };
  using JobList = std::list<Job>;

  void work_off();
  void feed(const std::string& channel);
  void feed_job(Job& job);
  bool wants_another(const std::string& channel);
  void make_room(const std::string& channel, const Pool& pool);
  void start_job(const std::string& channel);
  void ended(const std::string& token, bool clean, const std::string& how);
  void hear(Job& job, const Record& record);
  void report(Job& job, const Record& record);
  void hear_doing(Job& job, const Record& record);
  void report_deferred(Job& job, std::string_view text, std::int64_t now);
  void report_held(Job& job, std::string_view text);
  bool take_from_hand(Job& job, std::uint64_t unit);
  void stop_job(Job& job);
  Job* find(std::string_view token);

  Daemon& daemon_;
  Schedule& schedule_;
  const ControllerConfig& config_;
  const std::shared_ptr<mta::queue::Queue>& queue_;
  JobList jobs_;
  std::set<std::string> touched_;
  bool posted_ = false;
  Signal told_;  // a program has said what it does
  std::int64_t questions_ = 0;
  struct Trouble {
    unsigned times = 0;
    std::int64_t not_before_ms = 0;
    std::string why;
  };
  std::map<std::string, Trouble> trouble_;  // channels whose program does not start
};

}  // namespace waxwing::job_controller
