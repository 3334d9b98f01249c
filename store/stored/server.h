// stored without the daemon around it: the list service, the event hub, and the socket they answer on.
#pragma once

#include <memory>

#include "common/config/config.h"
#include "common/net/loop.h"
#include "common/net/workers.h"

namespace waxwing::store {

class Server {
 public:
  // Opens the list (recovers it; sets it aside and rebuilds it from the partitions when it is beyond
  // recovery) and listens on run/stored. Loop's thread, or before the loop runs.
  static Result<std::unique_ptr<Server>> start(EventLoop& loop, WorkerPool& workers,
                                               std::shared_ptr<const Config> config);
  // Loop's thread, or after the loop has ended: stops listening and closes every connection.
  ~Server();

 private:
  Server();
  struct Inner;
  std::shared_ptr<Inner> inner_;
};

}  // namespace waxwing::store
