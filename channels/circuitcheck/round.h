// circuitcheck -send: one round over the circuits. Messages that are due are submitted, those that should be back are
// counted as lost, and the postmaster hears of it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/daemon/daemon.h"
#include "mta/circuit/ledger.h"
#include "mta/config/mta_config.h"
#include "mta/queue/queue.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Round {
 public:
  // names: these are sent now and no others; none: what is due.
  static Result<std::unique_ptr<Round>> create(Daemon& daemon, std::vector<std::string> names);
  // Ends the daemon.
  Task<void> run();

 private:
  struct Step;  // what is to be done for a circuit
  Round(Daemon& daemon, std::shared_ptr<mta::queue::Queue> queue, std::shared_ptr<mta::Submitter> submitter,
        std::vector<std::string> names);
  bool is_named(const std::string& name) const;
  Result<Step> begin(const mta::Circuit& circuit) const;
  Task<bool> see_to_all();
  Task<bool> see_to(const mta::Circuit& circuit);
  Task<bool> warn(const mta::Circuit& circuit, const Step& step);
  Task<bool> send(const mta::Circuit& circuit, const Step& step);
  Task<mta::Verdict> submit(const mta::Circuit& circuit, const Step& step, std::string& queue_id);

  Daemon& daemon_;
  std::shared_ptr<mta::queue::Queue> queue_;
  std::shared_ptr<mta::Submitter> submitter_;
  std::shared_ptr<const mta::MtaConfig> config_;
  mta::circuit::Ledger ledger_;
  std::vector<std::string> names_;
};

}  // namespace waxwing::channels
