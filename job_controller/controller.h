// The job controller itself: ties the schedule to the tree, to the channel programs and to operators.
//
// Everything runs on loop 0. What waits for the disk (reading the tree, reading envelopes, renaming files) runs on workers.
// Sockets: run/job_controller, one Record a packet. A connection says first what it is:
//   writers    enqueued file=<schedule line>… look=<name>…     no answer
//   programs   master token= pid= concurrency= per_host=       then work and reports, see jobs.h
//   tools      summary | view channel= | walk | change scope= name= option= value= | call channel= host= |
//              stop channel= | start channel= | retry channel= |
//              unreadable | jobs channel= | where file= | hold file= | release file= | delete file= | return file= | rescan
//              answered by "ok" or "error text="; summary, view and jobs by "row" packets, then "ok"
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/base/crew.h"
#include "common/daemon/daemon.h"
#include "common/net/seqpacket.h"
#include "job_controller/controller_config.h"
#include "job_controller/jobs.h"
#include "job_controller/renames.h"
#include "job_controller/schedule.h"
#include "mta/config/mta_config.h"
#include "mta/queue/queue.h"

namespace waxwing::job_controller {

class Controller {
 public:
  static Result<std::shared_ptr<Controller>> create(Daemon& daemon);
  // Listens, looks at the tree, begins to work.
  Result<> start();
  const mta::MtaConfig& mta_config() const { return *mta_config_; }

 private:
  explicit Controller(Daemon& daemon);
  Result<> load_configuration();

  Task<void> serve(PacketSocket socket);
  void enqueued(const Record& record);
  void add(const mta::queue::ScheduleEntry& entry);
  void add_new(const mta::queue::ScheduleEntry& entry);
  void renamed(const FileName& name);

  // tree.cc
  Task<void> read_tree();
  Task<void> read_channel(const std::string& channel, std::size_t most_messages);
  Task<void> read_bucket(std::string channel, std::string bucket, std::size_t most_messages);
  Task<void> read_files(std::vector<FileName> names);
  Task<void> forget_removed(std::string channel);
  Task<void> look(std::string relative);
  void note_unreadable(const std::string& channel, const Error& error);
  bool is_full() const { return schedule_.size() >= config_.max_messages; }

  // commands.cc
  Task<Record> command(const Record& request, PacketSocket& socket);
  Record channel_command(const Record& request);
  Task<Result<FileName>> release(FileName name);
  Task<Record> file_command(const Record& request);
  Task<Record> return_file(FileName name);
  Task<Record> release_file(FileName name);
  Task<Record> delete_file(FileName name);
  Task<Record> reroute_file(FileName name);
  Task<Record> hold_file(FileName name);
  std::optional<Record> take_out(const FileName& name);
  Task<Record> batch_command(const Record& request);
  Record where(const Record& request) const;
  Task<void> send_jobs(std::string wanted, PacketSocket& socket);
  static void send_deliveries(const Jobs::JobView& job, PacketSocket& socket);
  void send_summary(PacketSocket& socket);
  void send_view(const std::string& channel, PacketSocket& socket);

  // commands_live.cc
  ChannelPolicy policy_of(const std::string& channel) const;
  Record change(const Record& request);
  Record change_global(std::string_view option, std::string_view value);
  Record change_program(const std::string& pattern, std::string_view value);
  Record change_channel(const std::string& channel, std::string_view option, std::string_view value);
  Record call(const Record& request);
  Record walk();

  // clockwork.cc: what happens at times of the day.
  void each_minute();
  std::array<bool, 3> openings(const std::string& channel);
  void run_periodic(const PeriodicJob& job);
  void tick();

  Daemon& daemon_;
  std::shared_ptr<const mta::MtaConfig> mta_config_;
  ControllerConfig config_;
  std::shared_ptr<mta::queue::Queue> queue_;
  std::map<std::string, std::map<std::string, unsigned>> changes_;  // by channel and option; gone at a reload
  Schedule schedule_;
  Renames renames_;
  Jobs jobs_;
  std::unique_ptr<EventLoop::Timer> timer_;
  std::int64_t next_synch_ms_ = 0;
  std::int64_t minute_ = 0;                // the last one that each_minute() saw, since 1970
  std::map<std::string, pid_t> periodic_;  // periodic jobs that run
  // Files and folders that the last look at the tree could not read; those that one under way has met so far.
  std::size_t unreadable_ = 0;
  std::atomic<std::size_t> unreadable_now_ = 0;
  bool reading_tree_ = false;
  bool read_again_ = false;
  std::unique_ptr<Crew> crew_;       // reads files side by side
  std::set<std::string> cut_short_;  // channels of which the tree holds more than could be read
  bool overflow_ = false;            // something stayed in the tree only, for want of room
};

}  // namespace waxwing::job_controller
