// The autoreply channel: answers for users whose mailDeliveryOption says so, once to each sender in a period; and in mode
// echo says by a disposition notification (RFC 8098) that a message has been handled, to each that asks.
#pragma once

#include "channels/master/master.h"
#include "common/directory/directory.h"
#include "common/mail/header.h"
#include "mta/notify/dispositions.h"
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
  struct Answer {  // to one message, for one user
    Work& work;
    std::size_t recipient;
    const directory::User& user;
    const mail::HeaderBlock& header;
    std::int64_t now_seconds;
  };
  Task<Result<Outcome>> answer(const Answer& answer);
  // words: whether the user's stand in it.
  Task<Result<Outcome>> send_disposition(const Answer& answer, std::string to, bool words);
  Task<Result<Outcome>> send_reply(const Answer& answer);
  Task<Result<Outcome>> submit(const std::string& to, const std::string& text);
  std::shared_ptr<mta::notify::Dispositions> dispositions();
  void settle(Work& work, std::size_t recipient, const Outcome& outcome) const;

  MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
  std::shared_ptr<const mta::MtaConfig> config_;  // that of dispositions_
  std::shared_ptr<mta::notify::Dispositions> dispositions_;
};

}  // namespace waxwing::channels
