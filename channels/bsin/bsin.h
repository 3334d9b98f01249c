// The channels bsin_*: a message that is a batch of SMTP commands is taken apart, and each transaction in it goes on as if
// its client had come to smtpd. In two steps: the transactions become messages of this channel's own queue, all of them
// in one commit or none; each of those is submitted, with all checks, and has its own tries and its own reports.
// Man page: bsin(8).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "channels/bsin/batch.h"
#include "channels/resubmit/marked_channel.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Bsin : public MarkedChannel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);

 private:
  Task<void> pass(Work& work, std::vector<std::size_t> recipients) override;
  // What a batch comes to, before it is committed.
  struct Apart;
  Bsin(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  Task<void> take_apart(Work& work, const std::vector<std::size_t>& recipients);
  Result<std::unique_ptr<Apart>> write_apart(Work& work, const BatchLimits& limits) const;
  Result<> write_transaction(const BatchTransaction& transaction, Apart& apart) const;
  Task<void> submit(Work& work, std::vector<std::size_t> recipients);
  Task<void> send(Work& work, mta::Submission& submission, const std::vector<std::size_t>& accepted);
  BatchLimits limits() const;

  std::shared_ptr<mta::Submitter> submitter_;
  WorkerPool workers_;  // own: a batch is in memory while it is taken apart, one at a time
};

}  // namespace waxwing::channels
