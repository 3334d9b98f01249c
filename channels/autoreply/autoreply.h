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
  // What was done, for the log; a temporary error: try again.
  Task<Result<std::string>> reply(Work& work, std::size_t recipient);
  Task<Result<std::string>> send(Work& work, const directory::User& user, const mail::HeaderBlock& header);

  MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
};

}  // namespace waxwing::channels
