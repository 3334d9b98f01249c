// The channels bsout_*: messages wait a little for each other, and go on as one, a batch of SMTP commands, to the address
// in the channel's keyword daemon. What becomes of that message is its channel's business, conversions on its way
// included. Man page: bsout(8).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "channels/bsout/batch_writer.h"
#include "channels/resubmit/marked_channel.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Bsout : public MarkedChannel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);

 private:
  Task<void> pass(Work& work, std::vector<std::size_t> recipients) override;
  // A batch that is gathered, then sent by the delivery that began it.
  struct Gathering;
  struct Ender;
  struct Member {
    Work* work;
    std::vector<std::size_t> recipients;
  };
  Bsout(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  std::string address_for(const Work& work) const;
  Task<bool> may_join(Work& work, const std::vector<std::size_t>& recipients);
  Task<void> gather(const std::string& address, Work& work, std::vector<std::size_t> recipients);
  Task<void> send(Gathering& gathering);
  Task<mta::Verdict> submit(Gathering& gathering, mta::Submission& submission);
  BatchWriter writer_for(const Gathering& gathering, const mta::Submission& submission) const;

  std::shared_ptr<mta::Submitter> submitter_;
  std::map<std::string, std::shared_ptr<Gathering>> open_;  // by address
};

}  // namespace waxwing::channels
