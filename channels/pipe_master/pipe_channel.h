// Delivery to programs: user%method@pipe-daemon gives the message to the program that config/programs lists
// under that name, run for that user.
#pragma once

#include "channels/master/master.h"
#include "channels/pipe_master/program_list.h"
#include "channels/program/run_program.h"

namespace waxwing::channels {

class PipeChannel : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;

 private:
  explicit PipeChannel(MasterContext& context);
  void read_keywords();
  void deliver_one(Work& work, std::size_t recipient) const;
  Result<ProgramOrder> order_for(const Work& work, std::size_t recipient) const;

  MasterContext& context_;
  WorkerPool workers_;   // own: each program takes one while it runs
  std::string account_;  // keyword user
  bool return_path_ = false;
};

struct PipeAddress {
  std::string user, method;
};
// "joe%archive@pipe-daemon". Permanent error for anything else, and for a user that could be taken for an option
// or a path.
Result<PipeAddress> parse_pipe_address(std::string_view address);

struct PipeVerdict {
  enum class Kind { delivered, failed, deferred } kind = Kind::deferred;
  std::string text;
};
// Exit status as in <sysexits.h>.
PipeVerdict judge_program(const ProgramEnd& end, const ProgramOrder& order);

}  // namespace waxwing::channels
