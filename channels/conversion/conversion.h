// The conversion channel: programs of the site see the parts of a message on its way, and may change, remove or stop
// them. config/conversions says which; what the message was on its way to stands in its recipients' flags.
// Man pages: conversion(8), conversions(5).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "channels/conversion/converted.h"
#include "channels/resubmit/marked_channel.h"
#include "mta/queue/detour.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Conversion : public MarkedChannel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);

 private:
  Task<void> pass(Work& work, std::vector<std::size_t> recipients) override;
  Conversion(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  Task<void> convert(Work& work, const std::vector<std::size_t>& recipients,
                     const mta::queue::Detour& detour);
  Task<void> send_on(Work& work, const std::vector<std::size_t>& recipients, Converted& converted);
  Result<RunSettings> run_settings(const mta::MtaConfig& config) const;

  std::shared_ptr<mta::Submitter> submitter_;
  WorkerPool workers_;  // own: each message takes one while its programs run
};

}  // namespace waxwing::channels
