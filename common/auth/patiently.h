// A step of a login from a coroutine: from the caches first, on the loop; on a worker when that would block.
#pragma once

#include "common/auth/authenticator.h"
#include "common/net/workers.h"

namespace waxwing::auth {

// ask: callable as Step(Ask), the same call both times. Give it a named lambda, not a temporary.
template <class F>
Task<Step> patiently(WorkerPool& workers, F& ask) {
  auto step = ask(Ask::cache_only);
  if (step.kind != Step::Kind::would_block) co_return step;
  F* question = &ask;
  auto patient = [question] { return (*question)(Ask::may_block); };
  auto slow = co_await workers.run(patient);
  co_return slow;
}

}  // namespace waxwing::auth
