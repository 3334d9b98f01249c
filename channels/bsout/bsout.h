// The channels bsout_*: messages wait a little for each other, and go on as one, a batch of SMTP commands, to the address
// in the channel's keyword daemon. What becomes of that message is its channel's business, conversions on its way
// included. Man page: bsout(8).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channels/bsmtp/taken.h"
#include "channels/bsout/batch_writer.h"
#include "channels/master/master.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Bsout : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;
  Task<void> idle() override;

 private:
  // A batch that is gathered, then sent by the delivery that began it.
  struct Gathering;
  struct Ender;
  struct Member {
    Work* work;
    std::vector<std::size_t> recipients;
  };
  Bsout(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  std::string address_for(const Work& work) const;
  Task<bool> may_join(Work& work, std::vector<std::size_t>& recipients);
  Task<void> gather(const std::string& address, Work& work, std::vector<std::size_t> recipients);
  Task<void> send(Gathering& gathering);
  Task<mta::Verdict> submit(Gathering& gathering, mta::Submission& submission);
  BatchWriter writer_for(const Gathering& gathering, const mta::Submission& submission) const;

  MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
  Taken taken_;
  std::map<std::string, std::shared_ptr<Gathering>> open_;  // by address
};

}  // namespace waxwing::channels
