// The circuitcheck channel: takes the messages of circuits that have come back, and counts them. Sending them is the work
// of round.h. Man page: circuitcheck(8).
#pragma once

#include <memory>
#include <string>

#include "channels/master/master.h"
#include "mta/circuit/ledger.h"
#include "mta/config/mta_config.h"

namespace waxwing::channels {

class Circuitcheck : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;

 private:
  Circuitcheck(MasterContext& context, std::shared_ptr<mta::MtaConfigHolder> config);
  // Blocks. An error: try again, or nothing can be done.
  Result<std::string> take(const Work& work) const;
  Result<std::string> count(const Work& work, const mta::circuit::Token& token) const;

  MasterContext& context_;
  std::shared_ptr<mta::MtaConfigHolder> config_;
  mta::circuit::Ledger ledger_;
};

}  // namespace waxwing::channels
