// Ask the cache first, on the loop; only when it does not know go to a worker thread and wait there: the way
// to call whatever takes an Ask from a coroutine.
#pragma once

#include <type_traits>
#include <utility>

#include "common/directory/directory.h"
#include "common/net/workers.h"

namespace waxwing::directory {

// ask: callable as Result<T>(Ask); idempotent. Give it a named lambda, not a temporary. It
// runs on the caller's thread, and again on a worker when it would have had to wait.
template <class F>
Task<std::invoke_result_t<F&, Ask>> patiently(WorkerPool& workers, F& ask) {
  auto quick = ask(Ask::cache_only);
  if (quick || !is_would_block(quick.error())) co_return quick;
  F* question = &ask;
  auto patient = [question] { return (*question)(Ask::may_block); };
  auto slow = co_await workers.run(patient);
  co_return slow;
}

}  // namespace waxwing::directory
