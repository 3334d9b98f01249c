// The autoreply channel: answers for users whose mailDeliveryOption says so, once to each sender in a period.
#pragma once

#include "channels/master/master.h"
#include "common/directory/directory.h"
#include "common/mail/header.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

class Autoreply : public Channel {
 public:
  static Result<std::unique_ptr<Channel>> create(MasterContext& context);
  Task<void> deliver(Work& work) override;

 private:
  Autoreply(MasterContext& context, std::shared_ptr<mta::Submitter> submitter)
      : context_(context), submitter_(std::move(submitter)) {}
  struct Outcome {
    std::string text;      // what was done, for the log
    std::string queue_id;  // of the reply; empty: there is none
  };
  // A temporary error: try again.
  Task<Result<Outcome>> reply(Work& work, std::size_t recipient);
  Task<Result<Outcome>> send(Work& work, const directory::User& user, const mail::HeaderBlock& header);
  void settle(Work& work, std::size_t recipient, const Outcome& outcome) const;

  MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
};

}  // namespace waxwing::channels
