// A notification, or another message the server writes itself, into the queue: past all access tables, to the channel
// that looks its recipient up (process, or another one like it).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/net/task.h"
#include "common/net/workers.h"
#include "mta/config/mta_config.h"
#include "mta/queue/queue.h"
#include "mta/queue/reader.h"

namespace waxwing::mta::notify {

struct Posting {
  std::string_view head;  // what is written, in this order
  std::string_view middle;
  const queue::Reader* whole = nullptr;  // all of this message, in place of middle
  std::string_view tail;
  queue::Envelope envelope;  // but its channel and its one recipient, which come from these:
  std::string to;
  std::string notify;                    // of the recipient
  Kw through = Kw::notificationchannel;  // keyword that names the channel
};

// Written on a worker. from: the channel whose program writes; may be null. Durable when it answers: the queue id.
Task<Result<std::string>> post(const MtaConfig& config, const std::shared_ptr<queue::Queue>& queue,
                               WorkerPool& workers, const Channel* from, const Posting& posting);

}  // namespace waxwing::mta::notify
