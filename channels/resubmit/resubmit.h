// The channel behind process and reprocess: takes messages from the queue and hands them to submission again,
// so that their addresses are resolved now and by the rules of this channel.
#pragma once

#include "channels/resubmit/marked_channel.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Resubmit : public MarkedChannel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);

 private:
  Task<void> pass(Work& work, std::vector<std::size_t> recipients) override;
  Resubmit(MasterContext& context, std::shared_ptr<mta::Submitter> submitter);
  Task<void> deliver_plain(Work& work, const std::vector<std::size_t>& recipients);
  Task<void> deliver_list(Work& work, std::size_t recipient);
  Task<void> send_message(Work& work, mta::Submission& submission, const std::vector<std::size_t>& accepted);

  std::shared_ptr<mta::Submitter> submitter_;
};

}  // namespace waxwing::channels
