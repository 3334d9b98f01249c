// What channels share that take a message from the queue and hand it to submission again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "channels/master/master.h"
#include "channels/resubmit/taken_mark.h"
#include "mta/submission/submission.h"

namespace waxwing::channels {

// Received: of this stop. A message that goes round in circles is found out by its count of them.
std::string trace_line(const std::string& channel, const std::string& host, const std::string& queue_id,
                       const mta::Submission::ListTrace& list = {});

mta::SenderOptions sender_options(const mta::queue::Envelope& envelope, std::uint64_t size_bytes);

// A submission in the name of the channel. origin: the channel that it counts as coming from, see Source.
mta::Submission begin_again(const MasterContext& context, const std::shared_ptr<mta::Submitter>& submitter,
                            const Work& work, std::string origin = "");

// The recipient's verdict from submission's answer, one that is not ok(). Tried again soon at first: the directory
// is usually back soon.
void judge(Work& work, std::size_t recipient, const mta::Verdict& verdict);
// The verdict of all whose message was sent on: text is what is said where it was taken. What the sender wants to know
// travels on with the new queue files: no report from here.
void judge_sent(Work& work, const std::vector<std::size_t>& recipients, const mta::Verdict& verdict,
                const std::string& text, const std::string& queue_id);

// The next bytes of a message; "" at the end. Called on workers, and may block.
using NextBytes = std::function<Result<std::string>()>;
// Of the message as it lies in the queue; valid as long as message.
NextBytes bytes_of(const mta::queue::Reader& message);

// All of it, to a submission that has its recipients. The first answer that is not ok() ends it: nothing is queued then.
Task<mta::Verdict> send_bytes(const MasterContext& context, mta::Submission& submission, NextBytes next);

// A message on its way to where its recipients were going before they stopped here (mta/queue/detour.h).
//
//   Onward onward(context, submitter, taken, work);
//   auto verdict = co_await onward.send(recipients, size, next);
//   onward.settle(verdict, "2.5.0 converted");  // or something else, when it is not ok()
class Onward {
 public:
  Onward(const MasterContext& context, std::shared_ptr<mta::Submitter> submitter, Taken& taken, Work& work);
  // It goes on, but stays there until an operator releases it. Before send().
  void hold(std::string reason) { hold_reason_ = std::move(reason); }
  // What of another file of the queue goes on with it. Before send().
  void take_along(Taken::Unit unit, Taken::Recipients recipients);
  // Once. The first answer that is not ok() ends it: nothing goes on then.
  Task<mta::Verdict> send(std::vector<std::size_t> recipients, std::uint64_t size_bytes, NextBytes next);
  // Verdicts for the recipients: what they want to know travels with the message.
  void settle(const mta::Verdict& verdict, const std::string& text);
  const std::string& queue_id() const { return submission_.queue_id(); }

 private:
  Task<mta::Verdict> open(std::uint64_t size_bytes);

  const MasterContext& context_;
  std::shared_ptr<mta::Submitter> submitter_;
  Work& work_;
  TakenMark mark_;
  mta::Submission submission_;
  std::string hold_reason_;
  std::vector<std::size_t> recipients_;
};

// The message as it lies in the queue, onward. Only verdicts are left to see.
Task<void> pass_on(const MasterContext& context, std::shared_ptr<mta::Submitter> submitter, Taken& taken,
                   Work& work, std::vector<std::size_t> recipients, std::string text);

}  // namespace waxwing::channels
