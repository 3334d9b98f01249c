#include "mta/submission/short_message.h"

#include <utility>

namespace waxwing::mta {

Task<Verdict> submit(Submission& submission, ShortMessage message) {
  // Each moved from a name of its own: g++ 12 destroys temporaries among the arguments of a co_await twice.
  auto sender = std::move(message.sender), recipient = std::move(message.recipient);
  auto options = std::move(message.options);
  auto wishes = std::move(message.wishes);
  auto verdict = co_await submission.sender(std::move(sender), std::move(options));
  if (verdict.ok()) {
    auto answer = co_await submission.recipient(std::move(recipient), std::move(wishes));
    verdict = answer;
  }
  if (verdict.ok()) {
    auto answer = co_await submission.data(message.text);
    verdict = answer;
  }
  if (verdict.ok()) {
    auto answer = co_await submission.finish();
    verdict = answer;
  }
  co_return verdict;
}

}  // namespace waxwing::mta
