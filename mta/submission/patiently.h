// Ask the cache first, on the loop; only when it does not know go to a worker thread and wait there.
#pragma once

#include <type_traits>
#include <utility>

#include "common/directory/directory.h"
#include "common/net/workers.h"

namespace waxwing::mta {

// ask: callable as Result<T>(directory::Ask); idempotent. Give it a named lambda, not a temporary. It
// runs on the caller's thread, and again on a worker when it would have had to wait.
template <class F>
Task<std::invoke_result_t<F&, directory::Ask>> patiently(WorkerPool& workers, F& ask) {
  auto quick = ask(directory::Ask::cache_only);
  if (quick || !directory::is_would_block(quick.error())) co_return quick;
  F* question = &ask;
  auto patient = [question] { return (*question)(directory::Ask::may_block); };
  auto slow = co_await workers.run(patient);
  co_return slow;
}

}  // namespace waxwing::mta
